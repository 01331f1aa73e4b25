"""IDX folders: round trips of every stored kind, names, partial reads, and every refusal by its message."""

import gzip
import struct

import numpy as np
import pytest

from relucvx.datasets import load_idx
from relucvx.errors import DataFileError, InvalidInputError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (7, 4, 3), dtype=np.uint8)
LABELS = np.array([5, 0, 9, 5, 0, 5, 9], dtype=np.uint8)
KINDS = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def idx(array, code=0x08):
    """The bytes of an IDX file, spelt out."""
    head = bytes([0, 0, code, array.ndim]) + b"".join(struct.pack(">i", size) for size in array.shape)
    return head + array.astype(">" + KINDS[code]).tobytes()


def folder(path, images=None, labels=None, part="train", **names):
    path.mkdir(exist_ok=True)
    (path / names.get("images_name", f"{part}-images-idx3-ubyte")).write_bytes(images or idx(PIXELS))
    (path / names.get("labels_name", f"{part}-labels-idx1-ubyte")).write_bytes(labels or idx(LABELS))
    return path


def test_round_trip(tmp_path):
    home = folder(tmp_path / "mnist")
    data = load_idx(home)
    np.testing.assert_array_equal(data.X, PIXELS.reshape(7, 12) / 255)
    assert data.labels.tolist() == [1, 0, 2, 1, 0, 1, 2]
    assert data.target_names == ("0", "5", "9")
    np.testing.assert_array_equal(data.Y, np.eye(3)[data.labels])
    assert (data.name, data.n_features) == ("mnist", 12)
    assert data.beta_hint > 0
    np.testing.assert_array_equal(load_idx(str(home), scale=False).X, PIXELS.reshape(7, 12))


@pytest.mark.parametrize("code", list(KINDS))
def test_every_kind_of_number(tmp_path, code):
    values = (RNG.integers(0, 100, (4, 2, 2)) - (0 if code == 0x08 else 50)) / (2 if code in (0x0D, 0x0E) else 1)
    data = load_idx(folder(tmp_path, idx(values, code), idx(LABELS[:4])), scale=False)
    np.testing.assert_array_equal(data.X, values.reshape(4, 4))
    if code != 0x08:
        np.testing.assert_array_equal(load_idx(tmp_path).X, data.X)  # only bytes are scaled


@pytest.mark.parametrize(
    ("part", "images_name", "labels_name"),
    [
        ("train", "train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("test", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        ("test", "test-images-idx3-ubyte", "test-labels-idx1-ubyte"),
        ("train", "emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte"),
    ],
)
def test_names_in_use(tmp_path, part, images_name, labels_name):
    home = folder(tmp_path, images_name=images_name, labels_name=labels_name)
    assert load_idx(home, part).n_samples == 7


def test_parts_do_not_mix(tmp_path):
    folder(tmp_path)
    folder(tmp_path, idx(PIXELS[:2]), idx(LABELS[:2]), part="t10k")
    assert [load_idx(tmp_path, part).n_samples for part in ("train", "test")] == [7, 2]


def test_compressed_files(tmp_path):
    names = {f"{kind}_name": f"train-{kind}-idx{n}-ubyte.gz" for kind, n in (("images", 3), ("labels", 1))}
    home = folder(tmp_path, gzip.compress(idx(PIXELS)), gzip.compress(idx(LABELS)), **names)
    compressed = load_idx(home)
    folder(tmp_path, idx(PIXELS[:2]), idx(LABELS[:2]))  # a plain file goes before its compressed copy
    np.testing.assert_array_equal(compressed.X, PIXELS.reshape(7, 12) / 255)
    assert load_idx(home).n_samples == 2


def test_first_samples_only(tmp_path):
    home = folder(tmp_path)
    data = load_idx(home, n_samples=2)
    np.testing.assert_array_equal(data.X, load_idx(home).X[:2])
    assert data.labels.tolist() == [1, 0]  # index among all classes of the file, also those not read
    assert data.Y.shape == (2, 3)
    assert load_idx(home, n_samples=99).n_samples == 7


def test_two_classes_are_signs(tmp_path):
    data = load_idx(folder(tmp_path, idx(PIXELS[:2]), idx(LABELS[:2])))
    assert data.Y.tolist() == [1.0, -1.0]


def test_refuses_arguments(tmp_path):
    folder(tmp_path)
    with pytest.raises(InvalidInputError, match="the path of a folder; received int"):
        load_idx(3)
    with pytest.raises(InvalidInputError, match='part "train" or "test"'):
        load_idx(tmp_path, "validation")
    for bad in (0, 2.0, True):
        with pytest.raises(InvalidInputError, match="n_samples to be an int >= 1 or None"):
            load_idx(tmp_path, n_samples=bad)


def test_refuses_folders(tmp_path):
    with pytest.raises(DataFileError, match="no folder"):
        load_idx(tmp_path / "absent")
    with pytest.raises(DataFileError, match=r"t10k-images-idx3-ubyte or .*no files"):
        load_idx(tmp_path, "test")
    folder(tmp_path)
    with pytest.raises(DataFileError, match="train-labels-idx1-ubyte"):
        load_idx(tmp_path, "test")
    folder(tmp_path, images_name="kmnist-train-images-idx3-ubyte")
    with pytest.raises(DataFileError, match="several sets"):
        load_idx(tmp_path)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (b"\x89PNG\r\n", "an IDX file .*89 50 4e 47"),
        (b"\0\0\x07\x03" + bytes(12), "an IDX file"),
        (b"\0\0\x08\x00", "an IDX file"),
        (b"\0\0\x08\x03" + bytes(4), "an IDX file"),
        (b"\0", "an IDX file"),
        (idx(PIXELS)[:-1], "84 bytes after the header .*83.*incomplete"),
        (idx(PIXELS) + b"\0", "more than 84"),
        (idx(PIXELS[:0]), r"an array of shape \(0, 4, 3\)"),
        (b"\0\0\x08\x04" + b"\xff" * 16, "a damaged file"),
        (idx(PIXELS[:6]), "as many labels as images .*7 and 6"),
        (idx(np.where(PIXELS > 0, np.nan, 0.0), 0x0E), "X to be finite"),
    ],
)
def test_refuses_images(tmp_path, images, message):
    with pytest.raises((DataFileError, InvalidInputError), match=message):
        load_idx(folder(tmp_path, images))


@pytest.mark.parametrize("labels", [idx(LABELS / 2, 0x0D), idx(PIXELS)])
def test_refuses_labels(tmp_path, labels):
    with pytest.raises(DataFileError, match="integer labels of shape"):
        load_idx(folder(tmp_path, labels=labels))


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-9],  # ends early
        lambda raw: b"no" + raw,
        lambda raw: raw[:-8] + bytes(8),  # another checksum
        lambda raw: raw[:10] + b"\xff" * 20,  # no such block
    ],
)
def test_refuses_damaged_compression(tmp_path, damage):
    home = folder(tmp_path, damage(gzip.compress(idx(PIXELS))), images_name="train-images-idx3-ubyte.gz")
    with pytest.raises(DataFileError, match="a damaged file"):
        load_idx(home)


def test_empty_file(tmp_path):
    home = folder(tmp_path)
    (home / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(DataFileError, match="of an empty file"):
        load_idx(home)
