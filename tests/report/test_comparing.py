"""Comparisons: certified gaps, verdicts in words, and what is refused."""

import json
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate import Uniqueness
from relucvx.deadline import Deadline
from relucvx.errors import DataFileError, InvalidInputError, UnsupportedError
from relucvx.report import compare
from relucvx.report import uniqueness as uniqueness_module
from relucvx.report.measure import distance
from relucvx.report.read import read_factors, read_labels
from relucvx.training import RunStatus

BETA = 0.5


def planted():
    return rx.datasets.get("planted:20x2")


@pytest.fixture(scope="module")
def solved():
    data = planted()
    return rx.solve(data.X, data.Y, BETA)


def scaled(network, factor):
    """The network with its output weights multiplied."""
    return rx.TwoLayerReLU(network.weights_in, factor * network.weights_out)


@pytest.fixture(scope="module")
def found(solved):
    """The optimum itself as a torch module, a rescaled copy, one slightly and one badly off."""
    data = planted()
    network = solved.network
    unbalanced = rx.TwoLayerReLU(2 * network.weights_in, network.weights_out / 2)
    history = {"step": [0, 10], "objective": [3.0, solved.objective]}
    runs = [
        SimpleNamespace(
            network=network,
            seed=3,
            steps=10,
            seconds=0.5,
            stationarity=1e-9,
            status=rx.Status.CONVERGED,
            history=history,
        ),
        rx.to_torch(scaled(network, 1.0 + 1e-4)),
        scaled(network, 2.0),
        unbalanced,
    ]
    return rx.compare(data.X, data.Y, BETA, runs, solution=solved)


def finding(comparison, claim):
    (one,) = [f for f in comparison.findings if f.claim == claim]
    return one


def test_gaps_are_those_of_a_certificate(found, solved):
    data = planted()
    for row, network in zip(found.rows, found.networks, strict=True):
        proof = rx.certify(network, data.X, data.Y, BETA, dual=solved.dual)
        assert row.objective == proof.upper
        assert row.gap == pytest.approx(proof.gap, abs=1e-9 * proof.upper)
        assert row.objective >= solved.certificate.lower
    assert [row.reached for row in found.rows] == [True, True, False, False]
    assert found.share == 0.5
    assert found.best == 0
    assert [row.name for row in found.rows] == ["seed 3", "network 1", "network 2", "network 3"]


def test_measurements_do_not_depend_on_the_free_scaling(found):
    same, twisted = found.rows[0], found.rows[3]
    assert twisted.kernel_to_optimum == pytest.approx(same.kernel_to_optimum, abs=1e-12)
    assert twisted.participation_ratio == pytest.approx(same.participation_ratio)
    assert twisted.fit_distance <= 1e-12
    assert twisted.objective > same.objective * 1.01


def test_what_a_run_reports_is_kept(found):
    row = found.rows[0]
    assert (row.seed, row.steps, row.seconds, row.stationarity, row.status) == (3, 10.0, 0.5, 1e-9, "CONVERGED")
    assert found.histories[0]["objective"].tolist() == [3.0, found.solution.objective]
    assert math.isnan(found.rows[1].steps)


def test_verdicts_in_words(found):
    assert finding(found, "global optimum").verdict == "holds"
    training = finding(found, "training reaches the optimum")
    assert training.verdict == "partly"
    assert "2 of 4 runs reach p* to 0.0001" in training.text
    assert finding(found, "no network beats the bound").verdict == "holds"
    assert finding(found, "the optimal kernel is unique").verdict == "holds"
    white = finding(found, "one output on whitened inputs")
    assert (white.verdict, white.text) == ("not applicable", "X is not whitened")
    assert "2 of 4 runs" in str(found)
    assert "share=0.5" in repr(found)


def test_kernel_distances_only_where_the_optimal_kernel_is_unique(found):
    assert found.uniqueness.unique
    assert found.rows[0].kernel_to_optimum <= 1e-12
    assert 0.3 < found.rows[2].kernel_to_optimum < 1.1  # twice the output: balanced, the kernel doubles
    assert math.isnan(found.rows[0].kernel_to_prediction)


def test_no_runs_and_an_unproven_optimum():
    data = rx.datasets.get("planted:60x4")
    found = rx.compare(data.X, data.Y, 0.01, [], time_limit=1e-3)
    assert finding(found, "global optimum").verdict == "undecided"
    assert "not proven to 1e-06 (TIME_LIMIT)" in finding(found, "global optimum").text
    assert finding(found, "training reaches the optimum").verdict == "not applicable"
    assert finding(found, "no network beats the bound").verdict == "not applicable"
    assert finding(found, "the optimal kernel is unique").verdict == "undecided"
    assert math.isnan(found.share)
    assert found.best is None
    off = rx.compare(data.X, data.Y, 0.01, [found.solution.network], solution=found.solution)
    assert finding(off, "training reaches the optimum").verdict == "undecided"
    assert "the proof itself leaves" in finding(off, "training reaches the optimum").text


def test_a_run_better_than_the_solver_is_said():
    data = planted()
    rough = rx.solve(data.X, data.Y, BETA, callback=lambda p: True)
    good = rx.solve(data.X, data.Y, BETA)
    assert rough.objective > good.objective * (1 + 1e-3)
    proven = rx.certify(rough.network, data.X, data.Y, BETA, dual=good.dual)
    claims = type(rough)(
        rough.problem, rough.network, good.dual, rough.objective, rough.status, good.certificate, rough.stats
    )
    assert proven.lower <= good.objective
    found = rx.compare(data.X, data.Y, BETA, [good.network], solution=claims)
    assert finding(found, "training reaches the optimum").verdict == "undecided"
    assert "better than the solver's network" in finding(found, "training reaches the optimum").text


def test_a_network_below_the_bound_is_never_passed_over(solved):
    """A forged bound: the comparison must accuse it."""
    forged = type(solved)(
        solved.problem, solved.network, solved.dual, solved.objective, solved.status,
        type(solved.certificate)(**{**vars(solved.certificate), "lower": 2 * solved.objective}), solved.stats,
    )  # fmt: skip
    data = planted()
    found = rx.compare(data.X, data.Y, BETA, [solved.network], solution=forged)
    assert finding(found, "no network beats the bound").verdict == "does not hold"


def test_whitened_classes_match_the_prediction():
    data = rx.datasets.get("classes:2x2")
    exact = rx.kernel.predict_one_hot(data.labels, 0.3, data.X).network
    found = rx.compare(data.X, data.Y, 0.3, [exact, scaled(exact, 1.5)], time_limit=20)
    value, kernel = finding(found, "neural collapse: value"), finding(found, "neural collapse: kernel")
    assert (value.verdict, kernel.verdict) == ("holds", "holds")
    assert kernel.text.startswith("predicted kernel unique; optimum matches to ")
    assert "1 of 2 runs match to 0.01" in kernel.text
    assert found.rows[0].kernel_to_prediction <= 1e-12
    assert found.prediction.name == "one-hot"
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert finding(found, "classes collapse (measured)").verdict == "holds"
    assert found.optimum.nc1 <= 1e-12
    assert set(found.kernels) == {"optimum", "prediction", "best run (network 0)"}


def test_the_continuum_is_named_and_kernels_are_not_compared():
    data = rx.datasets.get("factorial:2")
    abstract = rx.kernel.predict_factorial(data.Y, 0.2, X=data.X)
    c, s = np.cos(0.3), np.sin(0.3)
    turned = rx.kernel.factorial_rotation_network(data.X, data.Y, 0.2, np.array([[c, -s], [s, c]]))
    start = rx.solve(data.X, data.Y, 0.2, start=abstract.network, time_limit=20)
    found = rx.compare(data.X, data.Y, 0.2, [abstract.network, turned], solution=start)
    assert finding(found, "abstract representation: value").verdict == "holds"
    kernel = finding(found, "abstract representation: kernel")
    assert kernel.verdict == "not applicable"
    assert kernel.text.startswith("the optimal kernel is not unique, so kernels are not compared")
    assert finding(found, "the optimal kernel is unique").verdict == "does not hold"
    assert all(
        row.reached and math.isnan(row.kernel_to_prediction) and math.isnan(row.kernel_to_optimum) for row in found.rows
    )
    assert found.rows[0].parallelism == pytest.approx(1.0)
    assert found.rows[1].parallelism == pytest.approx(np.cos(0.6) / (2 - np.cos(0.6)), abs=1e-9)  # closed form
    assert found.rows[0].tuning == pytest.approx(1.0)


def test_a_wrong_prediction_is_refuted(monkeypatch):
    import dataclasses

    data = rx.datasets.get("whitened:3")
    real = rx.kernel.predict

    def wrong(*args, **kwargs):
        return [
            dataclasses.replace(p, objective=1.1 * p.objective, kernel=2 * p.kernel) if p.applicable else p
            for p in real(*args, **kwargs)
        ]

    monkeypatch.setattr("relucvx.report.comparing.predict", wrong)
    found = rx.compare(data.X, data.Y, 0.1, [], tol=1e-10)
    assert finding(found, "one output on whitened inputs: value").verdict == "does not hold"
    assert finding(found, "one output on whitened inputs: kernel").verdict == "does not hold"
    assert "optimum matches to 0.5" in finding(found, "one output on whitened inputs: kernel").text


def test_other_losses_have_no_closed_forms():
    data = rx.datasets.get("spiral:16")
    found = rx.compare(data.X, data.Y, 0.5, [], loss="logistic", bias="hidden")
    assert finding(found, "closed forms").verdict == "not applicable"
    assert found.predictions == ()
    assert found.labels.tolist() == (data.Y > 0).astype(int).tolist()
    assert finding(found, "classes collapse (measured)").verdict == "does not hold"


def test_labels_and_factors_come_from_targets():
    pose = rx.make_problem
    X = np.eye(4)
    assert read_labels(pose(X, np.eye(4)[:, [0, 1, 2, 2]] * 1.0, 1.0), None) is None  # rows are not one-hot
    assert read_labels(pose(X, [1.0, -1.0, 1.0, 1.0], 1.0), None).tolist() == [1, 0, 1, 1]
    assert read_labels(pose(X, [1.0, 1.0, 1.0, 1.0], 1.0), None) is None
    assert read_labels(pose(X, [0.3, 1.0, 2.0, 1.0], 1.0), None) is None
    assert read_labels(pose(X, [0.3, 1.0, 2.0, 1.0], 1.0), ["a", "b", "a", "b"]).tolist() == ["a", "b", "a", "b"]
    coded = np.array([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, -1]])
    assert read_labels(pose(X, coded, 1.0), None).tolist() == [0, 1, 2, 0]
    assert read_factors(pose(X, coded, 1.0), None) is None
    signs = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert read_factors(pose(X, signs, 1.0), None).tolist() == signs.tolist()
    assert read_labels(pose(X, signs, 1.0), None) is None
    assert read_factors(pose(X, signs[:, 0], 1.0), None) is None
    assert read_factors(pose(X, signs[:, 0], 1.0), signs).tolist() == signs.tolist()


def test_bad_input_is_explained(solved):
    data = planted()
    with pytest.raises(InvalidInputError, match=r"labels of length 20, one per row; received length 3"):
        rx.compare(data.X, data.Y, BETA, [], labels=[0, 1, 2])
    with pytest.raises(InvalidInputError, match=r"factors of shape \(20, k\); received shape \(20,\)"):
        rx.compare(data.X, data.Y, BETA, [], factors=np.ones(20))
    with pytest.raises(InvalidInputError, match="solution to be a Solution; received str"):
        rx.compare(data.X, data.Y, BETA, [], solution="solution.npz")
    with pytest.raises(InvalidInputError, match="a solution of the same problem; received another beta, bias"):
        rx.compare(data.X, data.Y, 2 * BETA, [], solution=solved, bias="hidden")
    with pytest.raises(InvalidInputError, match="run 1: expected"):
        rx.compare(data.X, data.Y, BETA, [solved.network, rx.TwoLayerReLU(np.ones((1, 5)), [1.0])], solution=solved)
    with pytest.raises(InvalidInputError, match="run 0: expected"):
        rx.compare(data.X, data.Y, BETA, ["network.pt"], solution=solved)
    with pytest.raises(InvalidInputError, match="reach to be a finite number > 0"):
        rx.compare(data.X, data.Y, BETA, [], reach=0, solution=solved)


def test_json_is_strict_and_complete(found, tmp_path):
    text = found.to_json(tmp_path / "c.json")
    read = json.loads((tmp_path / "c.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert read == json.loads(text)
    assert read["runs"][2]["objective"] == found.rows[2].objective
    assert read["runs"][1]["steps"] is None
    assert np.allclose(read["kernels"]["optimum"], found.kernels["optimum"])
    assert read["share"] == 0.5
    again = rx.TwoLayerReLU(*(read["networks"]["optimum"][k] for k in ("weights_in", "weights_out")))
    assert np.array_equal(again.weights_in, found.solution.network.weights_in)
    with pytest.raises(DataFileError, match="a path that can be written"):
        found.to_json(tmp_path / "no" / "folder.json")


def test_frame_and_table_hold_the_same(found):
    frame = found.to_frame()
    assert frame["name"].tolist() == ["optimum", "seed 3", "network 1", "network 2", "network 3"]
    assert frame["objective"].tolist() == [row["objective"] for row in found.table()]
    assert "nc1" not in frame.columns  # no labels, no column


class Given(tuple):
    """Runs that were not trained: what compare asks of them."""

    runs = property(tuple)


def test_runs_are_trained_when_none_are_given(monkeypatch, solved):
    data = planted()
    seen = {}

    def train(X, Y, beta, **options):
        seen.update(options, shape=np.shape(Y), beta=beta)
        return Given((SimpleNamespace(network=solved.network, seed=0, status=RunStatus.STATIONARY),))

    monkeypatch.setitem(
        sys.modules, "relucvx.training", SimpleNamespace(train=train, Runs=SimpleNamespace, RunStatus=RunStatus)
    )
    found = rx.compare(data.X, data.Y, BETA, solution=solved)
    assert [row.name for row in found.rows] == ["seed 0"]
    assert (seen["shape"], seen["beta"], seen["bias"]) == ((20,), BETA, "none")


def test_distance_of_kernels():
    assert distance(np.eye(2), np.eye(2)) == 0
    assert distance(2 * np.eye(2), np.eye(2)) == 1
    assert distance(np.zeros((2, 2)), np.zeros((2, 2))) == 0
    assert distance(np.eye(2), np.zeros((2, 2))) == math.inf
    assert math.isnan(distance(np.eye(2), None))


@pytest.mark.parametrize(("gap", "unique", "words"), [(1.0, False, "kernels 1 apart"), (0.0, None, "same kernel")])
def test_two_optima_refute_uniqueness_only_with_different_kernels(monkeypatch, solved, gap, unique, words):
    other = solved.network if gap == 0 else scaled(solved.network, 2.0)
    two = SimpleNamespace(verdict=Uniqueness.NOT_UNIQUE, network=solved.network, second=other, reason="")
    monkeypatch.setattr(uniqueness_module, "optimal_set", lambda *a, **k: two)
    found = uniqueness_module.kernel_uniqueness(solved, [], Deadline())
    assert found.unique is unique
    assert words in found.reason


def test_undecided_optimal_sets_stay_undecided(monkeypatch, solved):
    rough = SimpleNamespace(certificate=SimpleNamespace(rel_gap=0.1))
    open_question = SimpleNamespace(verdict=Uniqueness.UNDECIDED, network=None, second=None, reason="too close")
    monkeypatch.setattr(uniqueness_module, "optimal_set", lambda *a, **k: open_question)
    assert uniqueness_module.kernel_uniqueness(solved, [], Deadline()) == uniqueness_module.KernelUniqueness(
        None, "too close"
    )

    def refuse(error):
        def fail(*args, **kwargs):
            raise error("text")

        return fail

    monkeypatch.setattr(uniqueness_module, "optimal_set", refuse(UnsupportedError))
    assert "not computed for this problem" in uniqueness_module.kernel_uniqueness(rough, [], Deadline()).reason
    monkeypatch.setattr(uniqueness_module, "optimal_set", refuse(InvalidInputError))
    assert "a relative gap of 0.1 is too wide" in uniqueness_module.kernel_uniqueness(rough, [], Deadline()).reason


def test_the_front_door_is_the_public_name():
    assert rx.compare is compare
