"""Runs and comparisons in files: the problem comes back as it was, and so do the networks."""

import json
import math

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import DataFileError
from relucvx.report.embedding import record
from relucvx.report.saved import problem_record, read_saved
from relucvx.types import strict_json


def written(path, problem, runs=(), **names):
    path.write_text(strict_json({"problem": problem_record(problem, **names), "runs": list(runs)}))
    return path


@pytest.mark.parametrize(
    "options",
    [
        {}, {"bias": "all", "loss": "huber"}, {"bias": "free", "activation": (0.1, 1.0)},
        {"sample_weight": np.linspace(0.5, 2.0, 20)},
    ],
)  # fmt: skip
def test_a_problem_comes_back(tmp_path, options):
    data = rx.datasets.get("planted:20x2")
    problem = rx.make_problem(data.X, data.Y, 0.3, **options)
    again = read_saved(written(tmp_path / "p.json", problem)).problem
    for name in ("X", "Y", "sample_weight"):
        assert np.array_equal(getattr(again, name), getattr(problem, name))
    for name in ("beta", "loss", "bias", "scalar_output"):
        assert getattr(again, name) == getattr(problem, name)
    assert (again.activation.slope_neg, again.activation.slope_pos) == (
        problem.activation.slope_neg, problem.activation.slope_pos,
    )  # fmt: skip


@pytest.mark.parametrize("given", [{"pooling": "flatten"}, {"pooling": [[0.5, 0.5], [1.0, -1.0]]}])
def test_bags_come_back(tmp_path, given):
    rng = np.random.default_rng(0)
    problem = rx.make_problem(rng.standard_normal((6, 2, 3)), rng.standard_normal((6, 2)), 0.3, **given)
    again = read_saved(written(tmp_path / "p.json", problem)).problem
    assert abs(again.pooling.operator - problem.pooling.operator).max() == 0.0
    groups = [0, 0, 1, 1, 1, 2]
    problem = rx.make_problem(rng.standard_normal((6, 3)), [1.0, 2.0, 3.0], 0.3, groups=groups)
    again = read_saved(written(tmp_path / "p.json", problem)).problem
    assert abs(again.pooling.operator - problem.pooling.operator).max() == 0.0


def test_a_comparison_comes_back_with_its_networks(found, tmp_path):
    path = tmp_path / "found.json"
    path.write_text(strict_json(record(found, "planted")))
    saved = read_saved(path)
    assert saved.title == "planted"
    assert np.array_equal(saved.problem.X, found.problem.X)
    assert len(saved.runs) == len(found.rows) == 4
    for run, network in zip(saved.runs, found.networks, strict=True):
        assert np.array_equal(run.network.weights_in, network.weights_in)
        assert np.array_equal(run.network.weights_out, network.weights_out)
    assert (saved.runs[0].seed, saved.runs[0].status, saved.runs[1].seed) == (3, "CONVERGED", None)
    assert saved.runs[0].history["objective"].tolist() == found.histories[0]["objective"].tolist()
    again = rx.compare(saved.problem, list(saved.runs), solution=None)
    assert [row.name for row in again.rows] == [row.name for row in found.rows]
    assert [row.objective for row in again.rows] == [row.objective for row in found.rows]
    assert math.isnan(again.rows[1].steps)


def test_runs_of_bags_come_back(tmp_path):
    rng = np.random.default_rng(0)
    problem = rx.make_problem(rng.standard_normal((6, 2, 3)), rng.standard_normal(6), 0.3, pooling="mean")
    runs = rx.train(problem, seeds=range(2), width=3, max_steps=5)
    (one, two) = read_saved(written(tmp_path / "p.json", problem, runs.runs)).runs
    assert np.array_equal(one.network.weights_in, runs[0].network.weights_in)
    assert two.seed == 1
    found = rx.compare(problem, runs)
    path = tmp_path / "found.json"
    path.write_text(strict_json(record(found)))
    again = rx.compare(read_saved(path).problem, list(read_saved(path).runs))
    assert [row.objective for row in again.rows] == pytest.approx([row.objective for row in found.rows], rel=1e-14)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["problem"].pop("X"), "without the entry 'X'"),
        (lambda r: r["problem"].update(X=[["a"]]), "not X"),
        (lambda r: r["problem"].update(format=2), "a problem of format 2, this version reads 1"),
        (lambda r: r["problem"].update(beta=-1.0), "-1"),
        (lambda r: r["runs"].append({"network": {"weights_in": [[1.0]]}}), "without the entry 'weights_out'"),
        (lambda r: r.update(runs="none"), "runs"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, change, said):
    data = rx.datasets.get("planted:20x2")
    path = written(tmp_path / "p.json", rx.make_problem(data.X, data.Y, 0.3))
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))
    with pytest.raises(DataFileError, match="runs or a comparison saved by relucvx") as error:
        read_saved(path)
    assert said in str(error.value)
