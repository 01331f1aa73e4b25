"""Solutions read from files: every number that can be computed is, and what cannot be is said to be the file's."""

import dataclasses
import json

import numpy as np
import pytest
from command_line import run

import relucvx as rx
from relucvx.datasets import planted
from relucvx.errors import DataFileError

DATA = planted(12, 2, rng=3)


@pytest.fixture(scope="module")
def solution():
    """A certified optimum."""
    return rx.solve(DATA.X, DATA.Y, 0.3)


def edited(solution, path, arrays=None, **changes):
    """The solution's file with arrays or entries of its description replaced."""
    file = solution.save(path)
    with np.load(file) as archive:
        held = {name: archive[name] for name in archive.files}
    meta = json.loads(str(held["meta"]))
    for name, value in changes.items():
        place = meta
        *way, last = name.split("__")
        for step in way:
            place = place[step]
        place[last] = value
    held.update({"meta": np.array(json.dumps(meta)), **(arrays or {})})
    np.savez(file, **held)
    return file


def test_objectives_are_computed(solution, tmp_path):
    file = edited(solution, tmp_path / "s", certificate__upper=1e-9, certificate__gap=0.0, certificate__rel_gap=0.0)
    found = rx.load(file)
    assert found.objective == pytest.approx(solution.objective, rel=1e-14)
    assert found.certificate.upper == found.objective
    worse = edited(solution, tmp_path / "w", {"weights_out": 3.0 * solution.network.weights_out})
    found = rx.load(worse)
    assert found.objective > 1.5 * solution.objective
    assert found.certificate.rel_gap > 0.3
    assert not found.certificate.proven
    assert "as stored in a file, not proven again" in str(found)
    assert "as stored" in repr(found)


def test_a_stored_bound_proves_nothing(solution, tmp_path):
    false = edited(
        solution, tmp_path / "f", {"weights_out": 3.0 * solution.network.weights_out}, certificate__lower=0.0
    )
    claimed = rx.load(false).objective
    false = edited(
        solution, tmp_path / "f", {"weights_out": 3.0 * solution.network.weights_out}, certificate__lower=claimed
    )
    found = rx.load(false)
    assert found.certificate.rel_gap < 1e-12, "as the file says"
    with pytest.raises(rx.RelucvxError, match="a solution proven to a relative gap"):
        rx.optimal_set(found)
    compared = rx.compare(DATA.X, DATA.Y, 0.3, [solution.network], solution=found)
    assert compared.solution.certificate.proven
    assert compared.solution.certificate.rel_gap > 0.3
    assert compared.solution.certificate.lower <= solution.objective
    assert rx.certify(found, DATA.X, DATA.Y, 0.3).rel_gap > 0.3


def test_an_honest_file_is_proven_again(solution, tmp_path):
    found = rx.load(solution.save(tmp_path / "s"))
    assert rx.optimal_set(found).verdict is rx.optimal_set(solution).verdict
    again = rx.compare(DATA.X, DATA.Y, 0.3, [solution.network], solution=found).solution.certificate
    assert again.proven
    assert again.rel_gap <= 1e-6


def test_the_tolerance_is_the_one_asked_for(solution, tmp_path):
    arrays = {"weights_out": 3.0 * solution.network.weights_out}
    file = edited(solution, tmp_path / "s", arrays, stats__tol=0.9, certificate__lower=0.0)
    assert run("certify", file)[0] == 2
    assert run("certify", file, "--tol", "0.99")[0] == 0
    assert run("certify", solution.save(tmp_path / "good"))[0] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate__lower": 1e9},
        {"certificate__lower": -1.0},
        {"certificate__lower": "0"},
        {"certificate__lower": None},
        {"certificate__scope": "EVERYTHING"},
        {"certificate__cones": "many"},
        {"certificate": []},
        {"status": "PERFECT"},
        {"status": 3},
        {"loss": "nothing"},
        {"loss": ["squared"]},
        {"bias": {}},
        {"activation": 1.0},
        {"activation": ["a", 1]},
        {"beta": "0.3"},
        {"beta": -1.0},
        {"beta": 1e999},
        {"scalar_output": 1},
        {"stats": None},
        {"stats__tol": "loose"},
        {"stats__history": [1]},
        {"stats__history": None},
        {"format": None},
        {"arrays": {"X": np.full((12, 2), np.nan)}},
        {"arrays": {"X": np.zeros(12)}},
        {"arrays": {"Y": np.array("text")}},
        {"arrays": {"Y": np.zeros((12, 3))}},
        {"arrays": {"weights_in": np.ones((2, 5))}},
        {"arrays": {"weights_in": np.full((4, 2), np.inf)}},
        {"arrays": {"weights_out": np.ones((1, 2, 3))}},
        {"arrays": {"dual": np.ones((3, 1))}},
        {"arrays": {"dual": np.full((12, 1), np.nan)}},
        {"arrays": {"sample_weight": -np.ones(12)}},
        {"arrays": {"bias_in": np.ones(3)}},
        {"arrays": {"X": np.ones((12, 2)) * 1j}},
        {"arrays": {"meta": np.array("[" * 100_000)}},
        {"arrays": {"meta": np.array("{}")}},
        {"arrays": {"meta": np.ones(3)}},
        {"arrays": {"meta": np.array("null")}},
    ],
    ids=lambda c: str(c)[:50],
)
def test_edited_files_are_refused(solution, tmp_path, changes):
    file = edited(solution, tmp_path / "s", **changes)
    with pytest.raises(DataFileError, match="a solution saved by relucvx") as caught:
        rx.load(file)
    assert len(str(caught.value)) < 1500


def test_the_mark_goes_when_it_is_proven(solution):
    assert solution.certificate.proven
    stored = dataclasses.replace(solution.certificate, proven=False)
    assert "not proven again" in str(stored)
    assert "not proven again" not in str(solution.certificate)
