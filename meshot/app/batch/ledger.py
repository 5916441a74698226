"""What has been finished: one line a mesh, added as soon as it is known, so that a killed batch loses none."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from meshot.app.batch.job import Order, Record
from meshot.app.batch.plan import sha256_or_nothing
from meshot.base.errors import MeshReadError, OptionError

NAME = "ledger.jsonl"


class Ledger:
    """The records of a folder, the newest of each mesh by name.

    Its file has a first line that names the command, and then one line a record. A half line at the end, of a batch
    that was killed while it wrote, counts for nothing.

    Parameters
    ----------
    folder : path
        Of the batch.
    command : str
        What the batch runs.

    Attributes
    ----------
    records : dict
        Of all batches into this folder.

    Raises
    ------
    OptionError
        The folder belongs to batches of another command.
    MeshReadError
        The file is no ledger.
    """

    def __init__(self, folder: Path, command: str) -> None:
        self.folder, self.command = folder, command
        self.records: dict[str, Record] = {}
        self._place = folder / NAME
        self._file: BinaryIO | None = None
        if self._place.exists():
            self._read(self._place.read_bytes())

    def _read(self, content: bytes) -> None:
        try:
            first, *rest = [json.loads(line) for line in content.split(b"\n")[:-1]] or [{"command": self.command}]
            command = first["command"]
            self.records = {data["name"]: Record(**data) for data in rest}
        except (ValueError, TypeError, KeyError) as error:
            raise MeshReadError(f"{self._place} is damaged: {error}") from None
        if command != self.command:
            raise OptionError(f"{self.folder} holds a batch of {command}, not of {self.command}; take another folder")

    @contextmanager
    def open(self) -> Iterator["Ledger"]:
        """Let records be added in the block."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._place.open("ab+") as file:
            self._file = file
            if _drop_half_line(file) == 0:
                self._write({"command": self.command})
            yield self
        self._file = None

    def add(self, record: Record) -> None:
        """Keep a record."""
        self._write(asdict(record))
        self.records[record.name] = record

    def _write(self, data: dict[str, object]) -> None:
        if self._file is None:
            raise ValueError("the ledger is not open")
        self._file.write(json.dumps(data).encode() + b"\n")
        self._file.flush()

    def settles(self, order: Order, *, retry_failed: bool = False) -> bool:
        """Return whether a mesh need not be run: nothing has changed since its run, and its result exists.

        A mesh that failed is settled, too, unless it is to be tried again.
        """
        record = self.records.get(order.name)
        if record is None or not record.answers(order):
            return False
        may_stay = (order.folder / order.result).exists() if record.status == "done" else not retry_failed
        return may_stay and sha256_or_nothing(order.mesh) == record.sha256


def _drop_half_line(file: BinaryIO) -> int:
    """Cut off what stands behind the last end of a line; return the bytes that are left."""
    file.seek(0)
    return file.truncate(file.read().rfind(b"\n") + 1)
