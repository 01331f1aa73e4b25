"""Recordings of known geometry have it, and files of five kinds are one recording."""

import numpy as np
import pytest
import scipy.io

import relucvx as rx
from relucvx.datasets import GEOMETRIES, read_recording, recording
from relucvx.errors import DataFileError, InvalidInputError
from relucvx.metrics import parallelism_score

COLUMNS = {"factors": ["context", "choice"], "session": "session"}


def made(n_times=None):
    """Two complete sessions of five neurons."""
    one = recording("mixed", n_trials=12, n_neurons=5, n_times=n_times)
    return rx.Recording(
        one.responses, factors=one.factors, session=["a"] * 6 + ["b"] * 6, time=one.time, neurons=one.neurons
    )


def written(folder, ending, one):
    """The recording as a file."""
    path = folder / f"mine{ending}"
    frame = one.to_frame()
    arrays = {
        "responses": one.responses, "session": np.array(one.session), "neurons": np.array(one.neurons),
        **{name: np.array(values) for name, values in one.factors.items()},
    }  # fmt: skip
    arrays |= {} if one.time is None else {"time": one.time}
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    elif ending in (".csv", ".tsv"):
        frame.to_csv(path, index=False, sep="," if ending == ".csv" else "\t")
    elif ending == ".npz":
        np.savez(path, **arrays)
    elif ending == ".mat":
        cells = {
            key: np.array(value.tolist(), dtype=object) for key, value in arrays.items() if value.dtype.kind == "U"
        }
        scipy.io.savemat(path, {**arrays, **cells})
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for key, value in arrays.items():
                file[key] = value.astype("S") if value.dtype.kind == "U" else value
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".npz", ".mat", ".h5"])
@pytest.mark.parametrize("n_times", [None, 3])
def test_files_of_every_kind_are_the_recording(ending, n_times, tmp_path):
    one = made(n_times)
    path = written(tmp_path, ending, one)
    of_tables = {"neurons": "n0-n4"} if ending in (".csv", ".tsv", ".parquet") else {}
    timed = {} if n_times is None else {"time": "time", **({"trial": "trial"} if of_tables else {})}
    found = read_recording(path, **COLUMNS, **of_tables, **timed)
    np.testing.assert_allclose(found.responses, one.responses, rtol=1e-12)
    assert (found.condition, found.session, found.neurons) == (one.condition, one.session, one.neurons)
    assert found.name == "mine"
    if n_times:
        np.testing.assert_allclose(found.time, one.time)


def test_geometries_are_what_they_are_called():
    scores = {}
    for kind in GEOMETRIES:
        one = recording(kind, n_neurons=400, noise=0.0, n_trials=8, rng=1)
        means = one.averages().means
        assert np.mean(means**2) == pytest.approx(1.0, abs=0.35)
        scores[kind] = parallelism_score(one.activity, one.factor_table).per_factor
    np.testing.assert_allclose(scores["abstract"], 1.0)
    assert scores["collapsed"][0] == pytest.approx(1.0)
    assert np.isnan(scores["collapsed"][1])
    assert np.abs(scores["random"]).max() < 0.2
    assert 0.25 < scores["mixed"].min() < scores["mixed"].max() < 0.75


def test_sessions_and_times_of_a_simulation():
    one = recording(n_sessions=3, n_neurons=10, n_trials=9, n_times=5, noise=0.0)
    assert (one.n_trials, one.n_neurons, len(one.sessions), one.complete) == (27, 10, 3, False)
    np.testing.assert_allclose(one.time, [-0.2, 0.0, 0.2, 0.4, 0.6])
    flat = one.pseudo_population(rng=0)
    assert not flat.responses[:, :, :2].any()
    np.testing.assert_allclose(flat.responses[:, :, 2], flat.responses[:, :, 4])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "flat"}, "a geometry among abstract"),
        ({"n_trials": 3}, "n_trials"),
        ({"noise": -1.0}, "noise"),
        ({"n_sessions": 60}, "n_sessions"),
    ],
)
def test_simulations_are_refused(given, message):
    with pytest.raises(InvalidInputError, match=message):
        recording(**given)


def test_files_are_refused(tmp_path):
    path = written(tmp_path, ".npz", made())
    with pytest.raises(DataFileError, match=r"an array of mine\.npz"):
        read_recording(path, condition="odour")
    with pytest.raises(DataFileError, match="trial= for tables"):
        read_recording(path, condition="context", trial="trial")
    with pytest.raises(DataFileError, match="responses= for files of arrays"):
        read_recording(written(tmp_path, ".csv", made()), condition="context", responses="x")
    # columns that may be meant are named, with what to type
    with pytest.raises(DataFileError, match=r"neither, of columns .*context.*; try: factors='context,choice'"):
        read_recording(written(tmp_path, ".csv", made()))
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    with pytest.raises(DataFileError, match="a table, or a file of several arrays"):
        read_recording(tmp_path / "x.npy", condition="context")
    with pytest.raises(DataFileError, match=r"no such file|no file"):
        read_recording(tmp_path / "none.csv", condition="context")
