"""Problems whose answers are known from elsewhere: closed forms, invariances, and values computed independently.

Each of them once came out wrong.
"""

import dataclasses
import json
import time

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from command_line import run
from own_losses import Copied
from torch import nn
from torch.nn import functional as F

import relucvx as rx
from relucvx import kernel, metrics
from relucvx.errors import RelucvxError
from relucvx.losses import LOSSES
from relucvx.program import conventions
from relucvx.solver.conic import solve_conic

x = np.linspace(-2, 2, 12)[:, None]
WAVE = np.sin(3 * x[:, 0])
WAVE_VALUE = 0.808973
"""Least objective for the wave at beta 0.05 with free biases, whatever is added to the targets."""


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def assert_value(solution, value, rel=1e-6):
    """Proven, and the proven interval is around the value."""
    assert solution.status is rx.Status.CONVERGED, solution
    assert solution.objective == pytest.approx(value, rel=rel, abs=0)
    assert solution.certificate.lower <= value * (1 + rel)
    assert solution.certificate.rel_gap <= 1e-6


# ---------------------------------------------------------------------- what is called proven
@pytest.mark.parametrize("offset", [0.0, 1e4, 3e4, 1e6, 4.5e6, 1e9])
def test_an_offset_of_the_targets_changes_nothing(offset):
    assert_value(rx.solve(x, WAVE + offset, 0.05, bias="free"), WAVE_VALUE)
    assert_value(rx.solve(x, WAVE + offset, 0.05, loss="huber", bias="free"), WAVE_VALUE)  # residuals below its kink
    assert_value(rx.solve(x, WAVE + offset, 0.3, loss="absolute", bias="free"), 5.525891)


def test_an_offset_that_takes_the_digits_of_the_targets_leaves_a_gap():
    """At 1e14 targets are multiples of 1/64: another problem, and a network that cannot be written down to its digits."""
    Y = WAVE + 1e14
    found = rx.solve(x, Y, 0.05, bias="free")
    best = rx.solve(x, Y - 1e14, 0.05, bias="free", tol=1e-9).certificate
    assert found.certificate.lower <= best.upper
    assert found.certificate.upper >= best.lower
    assert found.certificate.rel_gap > 0
    assert found.certificate.rel_gap == pytest.approx(1 - found.certificate.lower / found.certificate.upper)


def test_upper_bounds_at_large_offsets_are_values_of_a_network():
    for offset in (1e9, 1e12):
        Y = WAVE + offset
        found = rx.solve(x, Y, 0.05, bias="free").certificate
        best = rx.solve(x, Y - offset, 0.05, bias="free", tol=1e-9).certificate
        assert found.upper >= best.lower
        assert found.lower <= best.upper
        assert found.gap >= 0


def test_a_constant_network_is_not_optimal_at_any_offset():
    Y = WAVE + 4.5e6
    constant = rx.make_problem(x, Y, 0.05, bias="free").null_network()
    proof = rx.certify(constant, x, Y, 0.05, bias="free")
    assert proof.rel_gap == pytest.approx(0.717, abs=0.01)
    found = rx.compare(x, Y, 0.05, [constant], bias="free")
    verdicts = {f.claim: f.verdict for f in found.findings}
    assert verdicts["training reaches the optimum"] == "does not hold"
    assert found.rows[0].rel_gap == pytest.approx(0.717, abs=0.01)


def test_a_tiny_beta_is_no_reason_for_a_gap_of_zero():
    """At beta -> 0 three points in one dimension cost beta times the variation of the slope: 3 here."""
    X, y = np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 0.0, 2.0])
    assert rx.interpolate(X, y, bias="free").objective == pytest.approx(3.0, rel=1e-6)
    assert_value(rx.solve(X, y, 1e-9, bias="free"), 3e-9)
    for beta in (1e-9, 1e-12):
        best = rx.solve(X, y, 1e-9, bias="free").network
        worse = dataclasses.replace(best, weights_in=1.5 * best.weights_in, bias_in=1.5 * best.bias_in)
        for net in (worse, dataclasses.replace(worse, bias_out=worse.bias_out + 1e-4)):
            proof = rx.certify(net, X, y, beta, bias="free", time_limit=2.0)
            assert proof.lower <= 3 * beta < proof.upper
            assert proof.rel_gap >= (1 - 3 * beta / proof.upper) * (1 - 1e-6) > 0.3
    found = rx.solve(X, y, 1e-12, bias="free", time_limit=2.0).certificate
    assert found.lower <= 3e-12 * (1 + 1e-9)
    assert found.upper >= 3e-12 * (1 - 1e-9)


def test_one_huge_sample_weight_is_no_reason_for_a_gap_of_zero():
    weight = np.ones(12)
    weight[3] = 1e12
    found = rx.solve(x, WAVE, 0.05, bias="free", sample_weight=weight, time_limit=2.0).certificate
    ordinary = rx.solve(x, WAVE, 0.05, bias="free")
    assert ordinary.objective <= found.upper * (1 + 1e-9)  # more weight never costs less
    through = rx.solve(x, WAVE, 0.05, bias="free", sample_weight=np.where(weight > 1, 1e6, 1.0), time_limit=2.0)
    assert through.certificate.lower <= found.upper
    constant = rx.make_problem(x, WAVE, 0.05, bias="free", sample_weight=weight).null_network()
    assert rx.certify(constant, x, WAVE, 0.05, bias="free", sample_weight=weight, time_limit=2.0).rel_gap > 0.5


@pytest.mark.parametrize("r", [1.0, 3e4, 1e5, 1e6])
def test_scaled_columns_have_as_many_patterns(r):
    arr = rx.enumerate_patterns(normal(0, 12, 2) * [r, 1 / r])
    assert (len(arr), len(np.unique(arr.patterns, axis=0)), arr.complete) == (24, 24, True)


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_are_rounded_multiples_have_every_pattern_once(seed):
    """Seven rows in five dimensions, drawn from five directions and rounded to float32: generic, so Cover's count."""
    rng = np.random.default_rng(seed)
    which = np.concatenate([np.arange(5), rng.integers(0, 5, 2)])
    size = rng.uniform(0.3, 3, 7) * rng.choice([-1, 1], 7)
    X = (rng.standard_normal((5, 5))[which] * size[:, None]).astype(np.float32).astype(float)
    arr = rx.enumerate_patterns(X)
    assert (len(arr), len(np.unique(arr.patterns, axis=0)), arr.complete) == (114, 114, True)


# ---------------------------------------------------------------------- what can be fitted
def variation(t, y):
    """Least norm of an interpolant of points on a line with free biases (Savarese et al. 2019)."""
    slopes = np.diff(y) / np.diff(t)
    return max(np.abs(np.diff(slopes)).sum(), abs(slopes[0] + slopes[-1]))


@pytest.mark.parametrize(("start", "step"), [(0.0, 1.0), (0.0, 86400.0), (1.7e9, 86400.0), (1e9, 1e9), (1e-12, 1e-12)])
def test_points_in_time_can_be_interpolated_in_any_units(start, step):
    k = np.arange(10.0)
    found = rx.interpolate((start + step * k)[:, None], np.sin(k), bias="free")
    assert found.status is rx.Status.CONVERGED
    assert found.objective * step == pytest.approx(5.08736, rel=2e-6)
    assert variation(k, np.sin(k)) == pytest.approx(5.08736, rel=1e-6)


@pytest.mark.parametrize("bias", ["hidden", "all", "free"])
@pytest.mark.parametrize("unit", [1e-12, 1e-3, 1e6, 1e9])
def test_different_points_are_never_called_contradictory(unit, bias):
    X, y = (unit * (1 + np.linspace(-2, 2, 8)))[:, None], np.sin(3 * np.linspace(-2, 2, 8))
    found = rx.interpolate(X, y, bias=bias, time_limit=0.3)  # no InfeasibleError
    assert found.objective == np.inf or np.abs(found.network.predict(X) - y).max() <= 1e-9


@pytest.mark.parametrize("sizes", [(3e4, 3e-5), (3e-5, 3e4)])
@pytest.mark.parametrize("bias", ["none", "hidden", "all", "free"])
def test_units_of_columns_are_no_contradiction(bias, sizes):
    X, y = normal(0, 10, 2) * sizes, normal(1, 10)
    rx.interpolate(X, y, bias=bias, time_limit=0.3)  # no InfeasibleError


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6, 1e9])
def test_interpolation_does_not_see_an_offset(offset):
    found = rx.interpolate(x, WAVE + offset, bias="free")
    assert found.objective == pytest.approx(variation(x[:, 0], WAVE), rel=2e-6)


# ---------------------------------------------------------------------- closed forms and losses
@pytest.mark.parametrize("depth", [2, 3])
def test_deep_collapse_is_claimed_only_where_it_is_known(depth):
    labels = np.arange(6)
    top = kernel.predict_deep_one_hot(labels, 1e-3, depth)
    assert top.applicable
    assert not kernel.predict_deep_one_hot(labels, 1e-3, 5).applicable
    assert not kernel.predict_deep_one_hot(np.arange(21), 1e-3, 6).applicable


def test_a_loss_of_another_name_is_the_same_loss_everywhere():
    X, y = normal(5, 9, 2), normal(6, 9)
    expected = rx.solve(X, y, 0.1).objective
    for loss in (Copied("mine", True), dataclasses.replace(LOSSES["squared"], name="other")):
        assert rx.solve(X, y, 0.1, loss=loss).objective == pytest.approx(expected, rel=1e-6)
        assert rx.solve(X, y, 0.1, loss=loss, solver="conic").objective == pytest.approx(expected, rel=1e-6)
        program = rx.ConvexProgram(X, y, beta=0.1, loss=loss, arrangement=rx.enumerate_patterns(X))
        assert solve_conic(program).value == pytest.approx(expected, rel=1e-6)
        form = program.to_cvxpy()
        form.problem.solve(solver="CLARABEL")
        assert form.problem.value == pytest.approx(expected, rel=1e-6)


# ---------------------------------------------------------------------- limits
@pytest.mark.slow
@pytest.mark.parametrize(("n", "d"), [(60, 2000), (30_000, 1), (20_000, 2), (20_000, 50)])
def test_five_seconds_are_five_seconds_and_end_with_a_network(n, d):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    y = np.maximum(X @ rng.standard_normal(d), 0) + 0.3 * rng.standard_normal(n)
    began = time.monotonic()
    found = rx.solve(X, y, 0.02 * np.abs(X.T @ y).max(), time_limit=5)
    assert time.monotonic() - began < 12  # 6.5 on an idle machine
    assert found.network.width > 0
    assert found.objective < 0.8 * found.problem.null_value()
    assert 0 < found.certificate.lower <= found.objective


def test_beta_max_ends_when_told_to():
    X, y = normal(0, 506, 13), normal(1, 506)
    began = time.monotonic()
    low, high = rx.beta_max(X, y, time_limit=1)
    assert time.monotonic() - began < 6
    assert 0 < low <= high


# ---------------------------------------------------------------------- reductions
def test_more_features_than_samples_are_as_many_as_samples():
    for k in range(4):
        X, y = normal(k, 10, 200), normal(100 + k, 10)
        found = rx.solve(X, y, (0.2, 0.02)[k % 2] * rx.beta_max(X, y)[1], time_limit=30)
        assert found.status is rx.Status.CONVERGED
        R = np.linalg.qr(X.T, mode="r")
        assert found.objective == pytest.approx(rx.solve(R.T, y, found.problem.beta).objective, rel=2e-6)


@pytest.mark.slow
def test_limits_hold_for_ten_outputs():
    digits = rx.datasets.get("digits")
    began = time.monotonic()
    found = rx.solve(digits.X, digits.Y, 0.02, time_limit=10)
    assert time.monotonic() - began < 20  # 12 on an idle machine
    assert 0 < found.certificate.lower <= found.objective < found.problem.null_value()


@pytest.mark.slow
def test_a_few_samples_in_very_many_dimensions():
    X, y = normal(0, 24, 500), normal(1, 24)
    found = rx.solve(X, y, 0.1 * rx.beta_max(X, y, time_limit=5)[1], time_limit=60)
    assert found.certificate.rel_gap <= 1e-6


def test_repeated_rows_count_once():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))[rng.integers(30, size=3000)]
    y = np.sin(3 * X[:, 0]) + 0.3 * rng.standard_normal(3000)
    found = rx.solve(X, y, 0.02 * rx.beta_max(X, y)[1], time_limit=30)
    assert found.certificate.rel_gap <= 1e-6


@pytest.mark.parametrize("levels", [8, 12])
def test_one_hot_inputs_are_solved(levels):
    """Without bias; with a free one 12 levels are 12 dimensions, which ten seconds do not close."""
    rng = np.random.default_rng(0)
    level = rng.integers(levels, size=200)
    y = rng.standard_normal(200) + level % 3
    X = np.eye(levels)[level]
    beta = 0.05 * rx.beta_max(X, y)[1]
    found = rx.solve(X, y, beta, time_limit=30)
    assert found.certificate.rel_gap <= 1e-6
    # one neuron for each sign serves all levels: the fit m of the means costs beta (||m+|| + ||m-||)
    mean = np.array([y[level == k].mean() for k in range(levels)])
    spread = 0.5 * ((y - mean[level]) ** 2).sum()
    assert found.objective <= beta * (np.linalg.norm(mean[mean > 0]) + np.linalg.norm(mean[mean < 0])) + spread
    assert found.objective > spread


@pytest.mark.parametrize("bias", ["none", "hidden", "free", "all"])
def test_two_classes_are_certified_as_the_logistic_loss_is(bias):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    y = np.where(X[:, 0] + rng.standard_normal(40) > 0, 1.0, -1.0)
    Y = np.eye(2)[(y < 0).astype(int)]
    beta = 0.05 * rx.beta_max(X, Y, loss="cross_entropy", bias=bias)[1]
    found = rx.solve(X, Y, beta, loss="cross_entropy", bias=bias, time_limit=20)
    assert found.certificate.rel_gap <= 1e-6
    single = rx.solve(X, y, beta / np.sqrt(2), loss="logistic", bias=bias)
    if bias == "all":  # a decayed output bias is cheaper on two outputs
        assert found.objective < single.objective
    else:
        assert found.objective == pytest.approx(single.objective, rel=2e-6)


def test_a_column_in_other_units_is_never_worse_than_the_network_carried_over():
    X = normal(1, 30, 3)
    y = np.maximum(X @ normal(2, 3), 0) + 0.3 * normal(3, 30)
    beta = 0.05 * rx.beta_max(X, y)[1]
    one, units = rx.solve(X, y, beta), np.array([1e4, 1.0, 1.0])
    net = dataclasses.replace(one.network, weights_in=one.network.weights_in / units)
    carried = rx.certify(net, X * units, y, beta, time_limit=0.5).upper
    found = rx.solve(X * units, y, beta, time_limit=20)
    assert found.objective <= carried <= one.objective * (1 + 1e-9)
    assert found.certificate.rel_gap <= 1e-4


@pytest.mark.slow
def test_a_hinge_over_many_rows_uses_its_time():
    """283 patients, three columns, unbalanced labels: closed well within the 40 seconds given."""
    rng = np.random.default_rng(0)
    age, year = rng.integers(30, 84, 283), rng.integers(58, 70, 283)
    X = np.column_stack([age, year, np.minimum(rng.geometric(0.2, 283) - 1, 52)]).astype(float)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = np.where(rng.random(283) < 0.26 + 0.1 * (X[:, 2] > 0), 1.0, -1.0)
    beta = 0.05 * rx.beta_max(X, y, loss="hinge", bias="all")[1]
    found = rx.solve(X, y, beta, loss="hinge", bias="all", time_limit=40)
    assert found.certificate.rel_gap <= 1e-6


def test_one_row_in_other_units_is_solved():
    """The longer the row, the closer the fit there has to be: values settle near 2.796."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    y = np.maximum(X @ rng.standard_normal(3), 0) + 0.3 * rng.standard_normal(30)
    beta, values = 0.05 * rx.beta_max(X, y)[1], []
    for length in (1e2, 1e4, 1e9):
        uneven = X.copy()
        uneven[4] *= length
        found = rx.solve(uneven, y, beta, time_limit=20)
        assert found.certificate.rel_gap <= 1e-6
        values.append(found.objective)
    assert values == pytest.approx([2.7912406, 2.7959944, 2.7960423], rel=2e-6)  # the first two by conic programs, too


# ---------------------------------------------------------------------- one function, one answer
class Net(nn.Module):
    """As everybody writes it, with an activation that nobody uses."""

    def __init__(self, first, last):
        super().__init__()
        self.fc1, self.unused, self.fc2 = first, nn.ReLU(), last

    def forward(self, inputs):
        return self.fc2(F.relu(self.fc1(inputs)))


def layers():
    torch.manual_seed(0)
    return nn.Linear(4, 8).double(), nn.Linear(8, 3).double()


def test_functions_and_modules_collapse_alike():
    X, labels = normal(0, 30, 4), np.arange(30) % 3
    first, last = layers()
    options = {"metrics": ["nc1", "line_regions"], "n_lines": 4, "rng": 0}
    expected = metrics.profile(nn.Sequential(first, nn.ReLU(), last), X, labels, **options)
    found = metrics.profile(Net(first, last), X, labels, **options)
    numbers = (table.drop(columns="type").to_numpy(dtype=float) for table in (found, expected))
    np.testing.assert_allclose(*numbers, rtol=1e-9)
    hidden = np.maximum(first(torch.from_numpy(X)).detach().numpy(), 0)
    assert metrics.neural_collapse(hidden, labels).nc1 == pytest.approx(expected["nc1"].iloc[1], rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_the_layer_before_a_linear_head_is_convex_in_compiled_networks_too():
    X, labels = normal(0, 30, 4), np.arange(30) % 3
    module = torch.compile(Net(*layers()), backend="eager")
    with torch.no_grad():
        module(torch.from_numpy(X))
    for _ in range(2):
        frame = metrics.profile(module, X, labels, metrics=["euclidean_convexity_decisions"], n_pairs=50, rng=0)
        assert frame["euclidean_convexity_decisions"].tolist()[1:] == [1.0, 1.0]
        assert len(frame) == 3


def test_missing_labels_are_no_class():
    Z = normal(0, 6, 2)
    for missing in ("NA", "?", "N/A", None, pd.NA, float("nan")):
        with pytest.raises(RelucvxError, match="without missing values"):
            metrics.neural_collapse(Z, ["a", "b", "a", missing, "b", "a"])


def test_strengths_are_numbers():
    X, y = normal(0, 6, 2), normal(1, 6)
    for wrong in ("12", 2.0, None, True):
        with pytest.raises(RelucvxError, match="betas to be an int, or several numbers > 0"):
            list(rx.beta_path(X, y, wrong))
    for wrong in (None, "text", float("nan"), [0.1, 0.2]):
        for convert in (conventions.from_mean_loss, conventions.to_mean_loss):
            with pytest.raises(RelucvxError):
                convert(wrong, 5)
            with pytest.raises(RelucvxError):
                convert(0.1, wrong)


def test_tables_of_every_kind_are_their_numbers():
    plain = np.array([[1.0, 1.0, 0.5], [2.0, 0.0, 1.0], [3.0, 1.0, 2.0]])
    nullable = pd.DataFrame({"a": pd.array([1, 2, 3], dtype="Int64"), "b": [True, False, True], "c": [0.5, 1.0, 2.0]})
    y = [1.0, 2.0, 3.0]
    expected = rx.solve(plain, y, 0.1).objective
    for same in (nullable, scipy.sparse.csr_matrix(plain), torch.tensor(plain).to_sparse()):
        assert rx.solve(same, y, 0.1).objective == expected


# ---------------------------------------------------------------------- evidence
def test_hamming_convexity_is_what_its_examples_print():
    assert not metrics.hamming_convex([[0, 0], [1, 1]]).convex
    assert metrics.hamming_convex([[0, 0], [0, 1]]).convex
    assert metrics.hamming_convex([[0, 0], [1, 1]], [[0, 0], [1, 1]]).convex


def test_example_seeds_of_the_readme_exit_well():
    code, _, err = run("train", "iris", "--beta", "1", "--seeds", "2", "--max-steps", "5", "--width", "3")
    assert (code, err) == (0, "")


# ---------------------------------------------------------------------- attacks on certificates
def test_underflow_is_refused_or_right():
    one = rx.TwoLayerReLU([[1.0]], [[1.0]])
    with pytest.raises(RelucvxError, match="between"):
        rx.solve([[-1.0], [1e-200]], [0.0, 1.0], 1e-201)
    with pytest.raises(RelucvxError, match="between"):
        rx.certify(one, [[-1.0], [1e-200]], [0.0, 1.0], 1e-201)
    with pytest.raises(RelucvxError, match="between"):
        rx.solve([[-1.0], [1.0]], [0.0, 1.0], 0.1, activation=(1e-200, 1.0))
    X, y = [[1.0], [-2.0], [3.0]], [1.0, 2.0, 3.0]
    value = rx.solve(X, y, 0.5).objective
    for size in (1e-165, 1e-49, 1e-9, 1e20, 1e49):
        for options in ({"sample_weight": [size] * 3}, {"activation": (0.0, size)}):
            try:
                found = rx.solve(X, y, 0.5 * size, time_limit=3.0, **options)
            except RelucvxError:
                continue
            scale = size if "sample_weight" in options else 1.0
            assert found.objective == pytest.approx(value * scale, rel=1e-6, abs=0), (size, options)
            assert found.certificate.lower <= value * scale * (1 + 1e-9)
            assert found.certificate.rel_gap <= 1e-6


@pytest.mark.parametrize("labels", [(1, -1, 1, 1), (1, -1, -1, -1)])
@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_beta_max_of_the_hinge_with_small_weights(unit, labels):
    weight = np.array([3.0, 3.0, 1.0, 1.0]) * unit
    low, high = rx.beta_max([[0], [-3], [3], [-5]], labels, loss="hinge", bias="free", sample_weight=weight)
    assert low / unit == pytest.approx(6.0, rel=1e-7)
    assert high / unit == pytest.approx(6.0, rel=1e-7)
    assert low <= high


def test_an_edited_arrangement_proves_nothing_about_all_networks():
    X, y = normal(0, 12, 2), normal(1, 12)
    arr = rx.enumerate_patterns(X)
    edited = dataclasses.replace(arr, patterns=arr.patterns[:5], generators=arr.generators[:5])
    assert not edited.complete
    best = rx.solve(X, y, 0.1)
    assert rx.certify(best.network, X, y, 0.1, arrangement=edited).lower <= best.objective
    with pytest.raises(RelucvxError, match="all activation patterns"):
        rx.nuclear_norm_bound(rx.make_problem(X, y, 0.1), edited)
    with pytest.raises(RelucvxError, match="inputs"):
        rx.certify(best.network, X, y, 0.1, arrangement=rx.sample_patterns(normal(3, 30, 2), 5, rng=0))


def test_certify_at_the_prompt_goes_by_its_own_tolerance(tmp_path):
    found = rx.solve(normal(0, 12, 2), normal(1, 12), 0.1)
    loose = dataclasses.replace(found.network, weights_out=3.0 * found.network.weights_out)
    file = dataclasses.replace(found, network=loose).save(tmp_path / "loose")
    with np.load(file) as archive:
        held = {name: archive[name] for name in archive.files}
    meta = json.loads(str(held["meta"]))
    meta["stats"]["tol"] = 0.999
    np.savez(file, **{**held, "meta": np.array(json.dumps(meta))})
    assert run("certify", file)[0] == 2
    assert run("certify", found.save(tmp_path / "good"))[0] == 0


def test_a_dual_point_of_any_size_is_taken():
    X, y = normal(0, 12, 2), normal(1, 12)
    best = rx.solve(X, y, 0.1, bias="free")
    proof = rx.certify(best.network, X, y, 0.1, bias="free", dual=y * 1e-300)
    assert proof.upper == pytest.approx(best.objective)
    assert proof.lower <= best.objective


@pytest.mark.parametrize("unit", [1e-3, 1.0, 100.0, 1e4])
def test_enumeration_with_a_free_bias_does_not_know_units(unit):
    X, y = normal(3, 12, 2) * unit, normal(4, 12)
    best = rx.solve(X, y, 0.1 * unit, bias="free")
    proof = rx.certify(best.network, X, y, 0.1 * unit, bias="free", method="enumeration")
    assert proof.rel_gap <= 1e-6
    assert best.objective == pytest.approx(2.56582664, rel=1e-6)


def test_a_restricted_bound_is_not_below_the_bound_over_all_patterns():
    for seed in range(4):
        X, y = normal(seed, 9, 2), normal(10 + seed, 9)
        few = rx.sample_patterns(X, 6, rng=0)
        proof = rx.certify(rx.solve(X, y, 0.2, time_limit=1.0).network, X, y, 0.2, arrangement=few)
        assert proof.restricted_lower >= proof.lower


def test_a_huber_problem_of_eleven_points_keeps_its_limit():
    X, y = normal(1, 11, 2), normal(2, 11)
    began = time.monotonic()
    found = rx.solve(X, y, 0.02, loss="huber", bias="free", time_limit=3)
    assert time.monotonic() - began < 8
    assert found.certificate.rel_gap <= 1e-6


def test_a_path_is_saved_twice_into_one_folder(tmp_path):
    for _ in range(2):
        assert run("path", "planted:9x2", "--betas", "3,1", "--out", tmp_path / "p")[0] == 0
    assert rx.load(tmp_path / "p" / "solution-001.npz").problem.beta == 1.0
