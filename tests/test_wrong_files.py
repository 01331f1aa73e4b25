"""Every door that reads a file, given one of another kind: a clear error in our words, none of the reader's underneath."""

import json

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import RelucvxError
from relucvx.report.saved import read_saved

READERS = {
    "load": rx.load,
    "load_band": rx.load_band,
    "check_proof": rx.check_proof,
    "load_sweep": rx.load_sweep,
    "load_counterexample": rx.theory.load_counterexample,
    "read_phase_diagram": rx.theory.read_phase_diagram,
    "read_saved": read_saved,
    "read_table": rx.datasets.read_table,
    "read_recording": rx.datasets.read_recording,
    "load_idx": rx.datasets.load_idx,
}
#: what Python and its libraries say of such files: true, and no help to anyone
RAW = (
    "codec", "Expecting", "char 0", "has no attribute", "index out of", "not subscriptable", "zip file", "magic",
    "pickle", "unpack", "invalid start byte", "NoneType", "Errno", "must be str", "cannot reshape", "EOF",
)  # fmt: skip


def wrong_files(folder):
    """Files of other programs and damaged ones, by name."""
    (folder / "empty").write_bytes(b"")
    (folder / "image").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (folder / "words").write_text("these are words\nand no table\n")
    (folder / "latin").write_bytes("größe;länge\n1;2\n".encode("latin-1"))
    (folder / "object").write_text(json.dumps({"a": 1}))
    (folder / "array").write_text(json.dumps([[1, 2], [3]]))
    (folder / "half").write_text('{"problem": {"X": [[1.0')
    np.savez(folder / "of_others.npz", a=np.arange(3.0))
    np.savez(folder / "object.npz", meta=np.array("{}"), band=np.array("[]"), about=np.array("1"))
    whole = (folder / "of_others.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    return sorted(folder.iterdir())


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("ending", [None, ".npz", ".json", ".csv", ".jsonl"])
def test_wrong_files_are_refused_in_our_words(reader, ending, tmp_path):
    for file in wrong_files(tmp_path):
        path = file if ending is None else file.rename(file.with_name(file.name.replace(".", "_") + ending))
        try:
            reader(path)
        except RelucvxError as error:
            said = str(error)
            held = [word for word in RAW if word in said.replace(str(tmp_path), "")]
            assert not held, said
            assert "expected" in said
            assert "received" in said
        else:  # a table of one's own is a table, whatever its name
            assert reader in (rx.datasets.read_table, rx.datasets.read_recording), path.name
