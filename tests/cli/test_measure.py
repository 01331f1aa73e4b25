"""`relucvx measure`: files of five kinds, simulations, pages and figures, and what is refused."""

import json
import re

import numpy as np
import pytest
import scipy.io
from command_line import run

import relucvx as rx

FAST = ["--permutations", "1"]


def recorded():
    """A small recording."""
    return rx.datasets.recording("abstract", n_trials=24, n_neurons=6, noise=0.5)


def written(folder, ending):
    """It as a file."""
    one, path = recorded(), folder / f"mine{ending}"
    arrays = {"responses": one.responses, **{name: np.array(values) for name, values in one.factors.items()}}
    if ending in (".csv", ".tsv"):
        one.to_frame().to_csv(path, index=False, sep="," if ending == ".csv" else "\t")
    elif ending == ".parquet":
        pytest.importorskip("pyarrow")
        one.to_frame().to_parquet(path)
    elif ending == ".npz":
        np.savez(path, **arrays)
    elif ending == ".mat":
        scipy.io.savemat(path, arrays)
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for key, value in arrays.items():
                file[key] = value.astype("S") if value.dtype.kind == "U" else value
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".npz", ".mat", ".h5"])
def test_every_kind_of_file_is_measured_alike(ending, tmp_path):
    path = written(tmp_path, ending)
    columns = ["--neurons", "n0-n5"] if ending in (".csv", ".tsv", ".parquet") else []
    code, out, err = run("measure", str(path), "--factors", "context,choice", *columns, "--permutations", "0", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["n_trials"], found["n_neurons"], found["factors"]) == (24, 6, ["context", "choice"])
    assert [row["split"] for row in found["dichotomies"]] == ["context", "choice", "context × choice"]
    expected = rx.metrics.dichotomies(recorded(), n_permutations=0)
    np.testing.assert_allclose([row["ccgp"] for row in found["dichotomies"]], expected.ccgp)
    assert len(found["distances"]) == 6


def test_a_simulation_needs_no_file_and_is_printed_and_saved(tmp_path):
    page, figure = tmp_path / "page.html", tmp_path / "all.png"
    code, out, err = run("measure", "random", *FAST, "--html", str(page), "--png", str(figure))
    assert code == 0, err
    for word in ("random geometry: 200 trials x 50 neurons", "context × choice", "shattering", "categories", "saved"):
        assert word in out
    assert max(map(len, out.partition("saved")[0].splitlines())) <= 100
    assert "<svg" in page.read_text()
    assert figure.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["abstract", "--factors", "a"], "a file with --factors"),
        (["nothing.csv", "--condition", "a"], "no such file"),
        (["abstract", "--window", "soon"], "--window with two times"),
        (["abstract", "--png", "x.abc"], "a figure in a format.*--png"),
    ],
)
def test_what_is_refused(given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("measure", *given)
    assert (code, out) == (1, "")
    assert re.search(message, err)


def test_columns_that_do_not_exist_name_the_option(tmp_path):
    path = written(tmp_path, ".csv")
    code, _, err = run("measure", str(path), "--condition", "odour")
    assert code == 1
    assert "odour" in err
