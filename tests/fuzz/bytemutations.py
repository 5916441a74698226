"""Damage to the bytes of a file: transport, editors, converters, and ill will.

A mutation takes the bytes and a source of randomness and returns other bytes.
"""

import gzip
import io
import random
import re
import struct
import zipfile
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

WORDS = [
    *b"0 -1 -0 1.5 255 256 65536 2147483647 2147483648 -2147483649 4294967295".split(),
    *b"9223372036854775807 -9223372036854775808 18446744073709551616".split(),
    *b"nan -inf infinity 1e308 -1e308 1e309 1e-320 1e99999999999 1e 0x1F 1_000 - . 1,5 1/2 // # %s%n {0} ../x".split(),
    *(b"", b"\0", b"9" * 40, b"9" * 5000, b"\xd9\xa3", b"\xbd"),
]
NUMBER = re.compile(rb"[-+]?\d[-+.\deE]*")
RAW = (
    *(struct.pack(order + "i", n) for order in "<>" for n in (-1, 2**31 - 1, -(2**31), 0, 1, 255)),
    *(struct.pack(order + "q", n) for order in "<>" for n in (-1, 2**63 - 1, 2**40)),
    *(struct.pack(order + "d", x) for order in "<>" for x in (float("nan"), float("inf"), 1e308, 1e-320)),
)
MEGABYTE = 1_000_000


def _cut(data: bytes, rng: random.Random, longest: int = 64) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randrange(1, longest))


# ---------------------------------------------------------------------------------------------------------------------
# bytes


def truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def cut_tail(data: bytes, rng: random.Random) -> bytes:
    return data[: -rng.randrange(1, 20)]


def flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 3, 30]) if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(data: bytes, rng: random.Random) -> bytes:
    start, stop = _cut(data, rng, 8)
    return data[:start] + rng.randbytes(stop - start) + data[stop:]


def overwrite_number(data: bytes, rng: random.Random) -> bytes:
    """A number of a binary file."""
    start, raw = rng.randrange(len(data) + 1), rng.choice(RAW)
    return data[:start] + raw + data[start + len(raw) :]


def insert(data: bytes, rng: random.Random) -> bytes:
    start, _ = _cut(data, rng)
    return data[:start] + rng.randbytes(rng.randrange(1, 8)) + data[start:]


def remove(data: bytes, rng: random.Random) -> bytes:
    start, stop = _cut(data, rng)
    return data[:start] + data[stop:]


def repeat(data: bytes, rng: random.Random) -> bytes:
    start, stop = _cut(data, rng, 2000)
    return data[:stop] + data[start:stop] + data[stop:]


def zeros(data: bytes, rng: random.Random) -> bytes:
    start, stop = _cut(data, rng, 600)
    return data[:start] + bytes(stop - start) + data[stop:]


def tail(data: bytes, rng: random.Random) -> bytes:
    return data + rng.choice([b"\0", b"\x1a", b"garbage", bytes(5000), b"\n" * 100, data])


# ---------------------------------------------------------------------------------------------------------------------
# words and lines


def another_word(data: bytes, rng: random.Random) -> bytes:
    """Some number becomes one that nobody expects."""
    return _replaced(data, list(NUMBER.finditer(data)), rng)


def another_count(data: bytes, rng: random.Random) -> bytes:
    """One of the first numbers does, which announce how much follows."""
    return _replaced(data, list(NUMBER.finditer(data[:600]))[:12], rng)


def _replaced(data: bytes, numbers: list[re.Match[bytes]], rng: random.Random) -> bytes:
    if not numbers:
        return data
    number = rng.choice(numbers)
    return data[: number.start()] + rng.choice(WORDS) + data[number.end() :]


def _lines(change: Callable[[list[bytes], random.Random], None]) -> Mutation:
    def mutation(data: bytes, rng: random.Random) -> bytes:
        lines = data.split(b"\n")
        change(lines, rng)
        return b"\n".join(lines)

    return mutation


def _drop(lines: list[bytes], rng: random.Random) -> None:
    lines.pop(rng.randrange(len(lines)))


def _again(lines: list[bytes], rng: random.Random) -> None:
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))


def _swap(lines: list[bytes], rng: random.Random) -> None:
    i, j = (rng.randrange(len(lines)) for _ in range(2))
    lines[i], lines[j] = lines[j], lines[i]


def _join(lines: list[bytes], rng: random.Random) -> None:
    i = rng.randrange(len(lines))
    lines[i : i + 2] = [b" ".join(lines[i : i + 2])]


def _inserted(*kinds: bytes) -> Mutation:
    """Insert one of these lines somewhere."""

    def change(lines: list[bytes], rng: random.Random) -> None:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(kinds))

    return _lines(change)


# ---------------------------------------------------------------------------------------------------------------------
# whole files


def utf_16(data: bytes, rng: random.Random) -> bytes:
    return data.decode("latin-1").encode(rng.choice(["utf-16", "utf-16-be", "utf-16-le"]))


def gzipped(data: bytes, rng: random.Random) -> bytes:
    return gzip.compress(data, mtime=0)


def zipped(data: bytes, rng: random.Random) -> bytes:
    """An archive with a name that leads out of the folder."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("../../meshot-escaped"), data + bytes(MEGABYTE), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


BYTE_MUTATIONS: dict[str, Mutation] = {
    "truncate": truncate,
    "cut tail": cut_tail,
    "flip bits": flip,
    "overwrite": overwrite,
    "overwrite number": overwrite_number,
    "insert": insert,
    "remove": remove,
    "repeat": repeat,
    "zeros": zeros,
    "tail": tail,
    "another word": another_word,
    "another count": another_count,
    "drop line": _lines(_drop),
    "line again": _lines(_again),
    "swap lines": _lines(_swap),
    "join lines": _lines(_join),
    "another line": _inserted(b"", b"#", b"f 1 2 3", b"v 0 0 0", b"0 0 0", b"3 0 1 2", b"end_header", b"End", b"<a>"),
    "Latin-1 comment": _inserted(b"# caf\xe9", b"comment caf\xe9", b"<!-- caf\xe9 -->"),
    "CRLF": lambda data, rng: data.replace(b"\n", b"\r\n"),
    "CR": lambda data, rng: data.replace(b"\n", b"\r"),
    "byte order mark": lambda data, rng: b"\xef\xbb\xbf" + data,
    "UTF-16": utf_16,
    "gzip": gzipped,
    "zip": zipped,
}
"""By name."""

LARGE_MUTATIONS: dict[str, Mutation] = {
    "comment of a megabyte": _inserted(b"#" + b"x" * MEGABYTE, b"comment " + b"1 " * (MEGABYTE // 2)),
    "a million empty lines": _inserted(b"\n" * MEGABYTE, b"\r" * MEGABYTE, b" \n" * (MEGABYTE // 2)),
    "line of a megabyte": _inserted(b"f " + b"1 " * (MEGABYTE // 2), b"9" * MEGABYTE, b" " * MEGABYTE),
}
"""By name; each makes a file of a megabyte or a little more."""
