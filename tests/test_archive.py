"""Files of arrays are read without trust: no pickles, no more memory than there is, no raw error."""

import io
import zipfile

import numpy as np
import pytest

from relucvx import conversion
from relucvx.archive import array_names, read_npy, read_npz
from relucvx.errors import DataFileError


def header(text, size=0):
    """The bytes of an .npy file with a header of one's own."""
    raw = (text + "\n").encode()
    return b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw + b"\0" * size


def archive(path, **members):
    """A zip file of these bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(f"{name}.npy", content)
    return path


def saved(array):
    """An array as the bytes of an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((0, 3)),
        np.array(1.5),
        np.array("text"),
        np.arange(4, dtype=">i2"),
        np.array([True, False]),
    ],
    ids=str,
)
def test_arrays_come_back(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", first=array, second=np.ones(2))
    for found in (read_npy(tmp_path / "a.npy"), read_npz(tmp_path / "a.npz", ["first"])["first"]):
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype
    assert array_names(tmp_path / "a.npz") == ["first", "second"]
    assert set(read_npz(tmp_path / "a.npz")) == {"first", "second"}


BAD = {
    "no magic": b"hello",
    "empty": b"",
    "huge shape": header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }", 64),
    "negative shape": header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -8), }", 64),
    "short": saved(np.ones(9))[:-8],
    "long": saved(np.ones(9)) + b"\0" * 8,
    "deep header": header("(" * 2000 + ")" * 2000),
    "long header": header("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1," * 9000 + "), }"),
    "code": header("__import__('os').system('true')"),
    "objects": header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8),
    "strange version": b"\x93NUMPY\x07\x00" + b"\0" * 64,
}


@pytest.mark.parametrize("kind", BAD)
def test_damaged_arrays(tmp_path, kind):
    (tmp_path / "a.npy").write_bytes(BAD[kind])
    with pytest.raises(DataFileError):
        read_npy(tmp_path / "a.npy")
    with pytest.raises(DataFileError):
        read_npz(archive(tmp_path / "a.npz", X=BAD[kind]))


def test_bombs_are_seen_in_the_directory(tmp_path, monkeypatch):
    monkeypatch.setattr("relucvx.archive.free_memory", lambda: 1e6)
    bomb = archive(tmp_path / "bomb.npz", X=saved(np.zeros(10**6)))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(DataFileError, match="fit in memory"):
        read_npz(bomb)
    np.save(tmp_path / "large.npy", np.zeros(10**6))
    with pytest.raises(DataFileError, match="fit in memory"):
        read_npy(tmp_path / "large.npy")


def test_damaged_archives(tmp_path):
    good = archive(tmp_path / "good.npz", X=saved(np.random.default_rng(0).normal(size=200))).read_bytes()
    for k, content in enumerate((b"", b"PK\x03\x04", good[:100], good[:-30], good[:60] + b"\xff" * 40 + good[100:])):
        file = tmp_path / f"bad{k}.npz"
        file.write_bytes(content)
        with pytest.raises(DataFileError):
            read_npz(file)


def test_memory_is_known_or_guessed(monkeypatch):
    assert conversion.free_memory() > 0

    def none(name):
        raise ValueError(name)

    monkeypatch.setattr("os.sysconf", none)
    assert conversion.free_memory() == 4.0 * 2**30
