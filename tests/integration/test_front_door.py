"""The front door: save and load, warm starts, clean stops, determinism, and every refusal by its message."""

import json

import numpy as np
import pytest
from checks import assert_certified, assert_same_value
from strategies import LABEL_LOSSES, rescaled

import relucvx as rx
from relucvx.datasets import planted
from relucvx.errors import InvalidInputError
from relucvx.network import TwoLayerReLU
from relucvx.types import Bias, Scope, Status


def data(loss="squared", n=20, d=2, seed=0):
    """Planted data; signs of the targets for label losses."""
    sample = planted(n, d, rng=seed)
    if loss in LABEL_LOSSES:
        return sample.X, np.where(np.median(sample.Y) < sample.Y, 1.0, -1.0)
    return sample.X, sample.Y


def strength(X, y, share=0.05, **options):
    """A share of beta_max."""
    return share * rx.beta_max(X, y, **options)[1]


# ---------------------------------------------------------------------- save, load, resume
@pytest.mark.parametrize("bias", Bias)
def test_save_load_resume(tmp_path, bias):
    X, y = data("hinge", n=10)
    beta = strength(X, y, loss="hinge", bias=bias)
    solution = rx.solve(X, y, beta, loss="hinge", bias=bias, activation="leaky_relu", sample_weight=np.arange(1, 11))
    path = solution.save(tmp_path / "run.one")
    assert path.name == "run.one.npz"
    again = rx.load(path)
    assert repr(again).replace(" as stored", "") == repr(solution)
    assert "as stored in a file, not proven again" in str(again)
    assert again.status is solution.status
    assert again.problem.beta == beta
    assert again.stats == solution.stats
    for name in ("weights_in", "weights_out", "bias_in", "bias_out"):
        np.testing.assert_array_equal(getattr(again.network, name), getattr(solution.network, name))
    np.testing.assert_array_equal(again.network.predict(X), solution.network.predict(X))
    mine, theirs = solution.certificate.to_dict(), again.certificate.to_dict()
    assert (mine.pop("proven"), theirs.pop("proven")) == (True, False)
    assert {k: v for k, v in mine.items() if k != "dual"} == {k: v for k, v in theirs.items() if k != "dual"}
    np.testing.assert_array_equal(again.dual, solution.dual)
    fresh = rx.certify(again, X, y, beta, loss="hinge", bias=bias, sample_weight=np.arange(1, 11), dual=again.dual)
    assert fresh.rel_gap <= 1e-6
    resumed = rx.solve(
        X, y, beta, loss="hinge", bias=bias, activation="leaky_relu", sample_weight=np.arange(1, 11), start=again
    )
    assert_certified(resumed)
    assert_same_value(resumed, solution)
    assert not list(tmp_path.glob(".*part"))


def test_load_refuses_other_files(tmp_path):
    with pytest.raises(rx.RelucvxError, match="no file"):
        rx.load(tmp_path / "missing.npz")
    text = tmp_path / "text.npz"
    text.write_text("hello")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    np.save(tmp_path / "array.npy", np.ones(3))
    solution = rx.solve(*data(n=6), 1.0)
    good = solution.save(tmp_path / "good")
    (tmp_path / "cut.npz").write_bytes(good.read_bytes()[:400])
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("text.npz", "other.npz", "array.npy", "cut.npz", "empty.npz"):
        with pytest.raises(rx.RelucvxError, match="a solution saved by relucvx"):
            rx.load(tmp_path / name)
    with pytest.raises(rx.RelucvxError, match="path that can be written"):
        solution.save(tmp_path / "no" / "such" / "folder")


def test_load_refuses_a_newer_format(tmp_path):
    path = rx.solve(*data(n=6), 1.0).save(tmp_path / "new")
    with np.load(path) as archive:
        arrays = {k: archive[k] for k in archive.files}
    meta = json.loads(str(arrays.pop("meta")))
    meta["format"] = 99
    np.savez(path, meta=np.array(json.dumps(meta)), **arrays)
    with pytest.raises(rx.RelucvxError, match="format 99"):
        rx.load(path)


# ---------------------------------------------------------------------- warm starts
@pytest.mark.parametrize("bias", Bias)
def test_warm_starts_reach_the_same_value(bias):
    X, y = data(n=14)
    beta = strength(X, y, bias=bias)
    base = rx.solve(X, y, beta, bias=bias)
    rng = np.random.default_rng(0)
    net = base.network
    starts = [base, net, rescaled(net, rng, 4), rx.solve(X, y, 3 * beta, bias=bias)]
    for start in starts:
        warm = rx.solve(X, y, beta, bias=bias, start=start)
        assert_certified(warm)
        assert_same_value(warm, base)
    stopped = rx.solve(X, y, beta, bias=bias, start=rescaled(net, rng, 4), callback=lambda p: True)
    assert stopped.status is Status.INTERRUPTED
    assert stopped.objective <= base.objective * (1 + 1e-6), (
        "an unbalanced start must be balanced before it is returned"
    )


def test_warm_start_from_torch():
    torch = pytest.importorskip("torch")
    X, y = data(n=10)
    module = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    assert_certified(rx.solve(X, y, 1.0, bias="all", start=module))


def test_starts_that_do_not_fit_are_refused():
    X, y = data(n=8)
    with pytest.raises(InvalidInputError, match="2 features"):
        rx.solve(X, y, 1.0, start=TwoLayerReLU(np.ones((1, 3)), np.ones(1)))
    with pytest.raises(InvalidInputError, match="activation"):
        rx.solve(X, y, 1.0, start=TwoLayerReLU(np.ones((1, 2)), np.ones(1), activation="abs"))
    with pytest.raises(InvalidInputError, match="hidden bias"):
        rx.solve(X, y, 1.0, start=TwoLayerReLU(np.ones((1, 2)), np.ones(1), bias_in=[1.0]))
    with pytest.raises(InvalidInputError, match="a TwoLayerReLU"):
        rx.solve(X, y, 1.0, start=np.ones(3))


# ---------------------------------------------------------------------- stops
def assert_valid_stop(solution, status, reference):
    """A stopped solve still proves what it says."""
    assert solution.status is status
    assert 0 <= solution.certificate.lower <= reference.certificate.upper
    assert reference.certificate.lower <= solution.objective
    assert solution.certificate.scope in (Scope.ALL_PATTERNS, Scope.RELAXED)


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_callback_stops(bias, stop_at):
    X, y = data(n=20, d=3)
    beta = strength(X, y, 0.02, bias=bias)
    reference = rx.solve(X, y, beta, bias=bias)
    calls = []

    def callback(progress):
        calls.append(progress)
        return len(calls) >= stop_at

    solution = rx.solve(X, y, beta, bias=bias, callback=callback)
    if solution.status is not Status.CONVERGED:
        assert_valid_stop(solution, Status.INTERRUPTED, reference)
        assert len(calls) <= stop_at + 1
    assert all(p.seconds >= 0 and p.upper >= p.lower for p in calls)


def test_keyboard_interrupt_in_the_callback():
    X, y = data(n=20, d=3)
    beta = strength(X, y, 0.02)
    reference = rx.solve(X, y, beta)

    def callback(progress):
        raise KeyboardInterrupt

    with pytest.raises(rx.Interrupted) as stop:
        rx.solve(X, y, beta, callback=callback)
    assert_valid_stop(stop.value.result, Status.INTERRUPTED, reference)


def test_exceptions_in_the_callback_are_not_swallowed():
    X, y = data(n=20, d=3)

    def callback(progress):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        rx.solve(X, y, strength(X, y, 0.02), callback=callback)


@pytest.mark.parametrize("loss", ["squared", "hinge"])
@pytest.mark.parametrize("limit", [1e-9, 1e-3, 0.05])
def test_time_limits(limit, loss):
    X, y = data(loss, n=40, d=4)
    solution = rx.solve(X, y, strength(X, y, 0.02, loss=loss), loss=loss, time_limit=limit)
    assert solution.stats["seconds"] < limit + 3.0
    assert solution.certificate.lower <= solution.certificate.upper
    assert np.isfinite(solution.objective)
    assert solution.status in (Status.TIME_LIMIT, Status.CONVERGED)
    if limit < 1e-6:
        assert solution.status is Status.TIME_LIMIT


# ---------------------------------------------------------------------- determinism
def test_same_rng_same_answer():
    X, y = data(n=16)
    first = rx.solve(X, y, 0.3, rng=7)
    second = rx.solve(X, y, 0.3, rng=7)
    np.testing.assert_array_equal(first.network.weights_in, second.network.weights_in)
    assert first.certificate.lower == second.certificate.lower
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    third = rx.solve(X, y, 0.3, rng=np.random.default_rng(8))
    fourth = rx.solve(X, y, 0.3, rng=None)
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    assert_same_value(first, third)
    assert_same_value(first, fourth)


def test_inputs_are_not_modified_and_column_targets_keep_their_shape():
    X, y = data(n=10)
    X0, y0 = X.copy(), y.copy()
    X.setflags(write=False)
    flat = rx.solve(X, y, 0.5)
    column = rx.solve(X, y[:, None], 0.5)
    np.testing.assert_array_equal(X, X0)
    np.testing.assert_array_equal(y, y0)
    assert flat.network.predict(X).shape == (10,)
    assert column.network.predict(X).shape == (10, 1)
    assert flat.objective == pytest.approx(column.objective, rel=1e-12)
    ints = rx.solve([[1, 2], [3, -1], [0, 1]], [1, 0, 2], 1)
    floats = rx.solve(np.array([[1, 2], [3, -1], [0, 1]], np.float32), np.array([1.0, 0, 2]), 1.0)
    assert ints.objective == floats.objective


# ---------------------------------------------------------------------- bad inputs
GOOD_X, GOOD_Y = np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0, 1.0])
BAD = [
    ({"X": GOOD_X * np.nan}, "X to be finite"),
    ({"Y": np.array([1.0, np.inf, 0.0])}, "Y to be finite"),
    ({"Y": np.ones(4)}, r"as many rows as X \(3\)"),
    ({"X": np.ones(3)}, "X of shape"),
    ({"X": np.ones((3, 2, 1))}, "X of shape"),
    ({"X": np.ones((0, 2)), "Y": np.ones(0)}, "at least one row"),
    ({"X": GOOD_X + 1j}, "complex numbers"),
    ({"X": [["a", "b"]] * 3}, "text"),
    ({"X": [[1.0], [1.0, 2.0], [3.0]]}, "ragged"),
    ({"beta": 0}, "beta to be a finite number > 0"),
    ({"beta": -1.0}, "beta to be a finite number > 0"),
    ({"beta": np.nan}, "beta to be a finite number > 0"),
    ({"beta": "much"}, "beta to be a finite number > 0"),
    ({"loss": "mse"}, "a loss among"),
    ({"bias": "some"}, "a bias mode among"),
    ({"bias": None}, "a bias mode among"),
    ({"activation": "gelu"}, "an activation among"),
    ({"activation": (0.0, 0.0)}, "two finite slopes"),
    ({"loss": "logistic", "Y": np.array([0.0, 1.0, 1.0])}, "labels coded as 0 and 1"),
    ({"loss": "hinge", "Y": np.array([0.3, 1.0, 1.0])}, "labels -1 or"),
    ({"sample_weight": [1.0, 2.0]}, "sample_weight of shape"),
    ({"sample_weight": [1.0, -2.0, 1.0]}, "sample_weight >= 0"),
    ({"sample_weight": [0.0, 0.0, 0.0]}, "positive sum"),
    ({"tol": 0.0}, "tol to be a finite number > 0"),
    ({"tol": -1e-6}, "tol to be a finite number > 0"),
    ({"time_limit": 0}, "time_limit to be a finite number > 0"),
    ({"solver": "simplex"}, "a solver among"),
    ({"rng": "seed"}, "rng to be None"),
    ({"loss": "logistic", "bias": "free", "Y": np.ones(3)}, "labels of both kinds"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_inputs_are_refused(change, message):
    arguments = {"X": GOOD_X, "Y": GOOD_Y, "beta": 0.1, **change}
    with pytest.raises(InvalidInputError, match=message):
        rx.solve(arguments.pop("X"), arguments.pop("Y"), arguments.pop("beta"), **arguments)


def test_bad_betas_of_a_path():
    with pytest.raises(InvalidInputError, match="beta"):
        list(rx.beta_path(GOOD_X, GOOD_Y, [1.0, -1.0]))
