"""Readings to avoid fail on instances that meet their own assumptions, and what replaces them holds on the same."""

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest

from relucvx.kernel import whitened
from relucvx.network import DeepNetwork
from relucvx.theory import Verdict, claims, load_counterexample, verify
from relucvx.theory.planar import planar_optimum
from relucvx.theory.readings import CLAIMS as OPTIMA
from relucvx.theory.readings import _factors
from relucvx.theory.readings_folding import CLAIMS as GEOMETRY
from relucvx.theory.readings_folding import _few_shot, _sawtooth

READINGS = {c.id: c for c in OPTIMA + GEOMETRY}
TRIALS = 4


@pytest.fixture(scope="module")
def trials():
    """Instances of every reading with their outcomes, computed once."""
    cache = {}

    def of(name):
        if name not in cache:
            rng = np.random.default_rng(1)
            instances = [READINGS[name].draw(rng, 1 + t % 4) for t in range(TRIALS)]
            cache[name] = [(i, READINGS[name].check(i)) for i in instances]
        return cache[name]

    return of


def test_all_are_registered_as_expected_to_fail():
    registered = {c.id: c for c in claims() if c.id.startswith("reading-")}
    assert set(READINGS) <= set(registered)
    assert all(c.expected == "VIOLATED" and c.correction is not None for c in READINGS.values())


@pytest.mark.parametrize("name", READINGS)
def test_printed_statement_fails_where_it_should_hold(name, trials):
    outcomes = [outcome for _, outcome in trials(name)]
    assert all(outcome.verdict is not Verdict.NOT_APPLICABLE for outcome in outcomes)
    violated = sum(outcome.verdict is Verdict.VIOLATED for outcome in outcomes)
    assert violated >= (3 if "nuclear" in name else TRIALS)  # the cells' constraints may be idle
    assert max(outcome.margin for outcome in outcomes) > (1.5 if "few-shot" in name else 2)


@pytest.mark.parametrize("name", READINGS)
def test_corrected_statement_holds_on_the_same_instances(name, trials):
    """Asked as a claim of its own, so that the check is seen to go both ways."""
    corrected = dataclasses.replace(READINGS[name], predict=READINGS[name].correction, correction=None)
    for instance, outcome in trials(name)[:2]:
        assert outcome.corrected is True
        assert corrected.check(instance).verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", READINGS)
def test_verification_reports_a_counterexample_that_can_be_run_again(name, tmp_path):
    report = verify(name, trials=3, rng=3, quick=True)
    assert report.verdict is Verdict.VIOLATED
    assert report.as_expected
    assert report.corrected is True
    again = load_counterexample(report.counterexample.save(tmp_path / "found.npz"))
    assert again.outcome.verdict is Verdict.VIOLATED
    assert again.outcome.corrected is True


@pytest.mark.parametrize("name", [c.id for c in OPTIMA if any(a.name == "X X^T = I" for a in c.assumptions)])
def test_readings_of_whitened_inputs_do_not_apply_to_others(name, trials):
    instance = trials(name)[0][0]
    assert whitened(instance["X"])
    assert READINGS[name].check({**instance, "X": 1.5 * instance["X"]}).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"beta": 9.0}, "reading-shrinkage-constant"),
        ({"beta": 9.0}, "reading-sign-condition"),
        ({"depth": 1}, "reading-regions-on-a-line"),
        ({"start": np.zeros(2), "end": np.zeros(2)}, "reading-folding-symmetric"),
    ],
)
def test_printed_hypotheses_are_tested(change, name, trials):
    assert READINGS[name].check({**trials(name)[0][0], **change}).verdict is Verdict.NOT_APPLICABLE


def test_printed_sign_condition_is_seen_to_hold_where_both_sides_have_a_sign():
    """With a_i >= 0 too, the printed condition and the right one agree: nothing is refuted."""
    instance = {"X": np.eye(3), "Y": np.diag([1.0, 2.0, 3.0]), "beta": 0.5}
    outcome = READINGS["reading-sign-condition"].check(instance)
    assert outcome.verdict is Verdict.HOLDS
    assert outcome.corrected is True


def test_sample_side_signs_suffice_but_are_not_needed():
    """a_2 = (1, -1)/sqrt(2) has mixed signs, yet the linear kernel is nonnegative and the network reaches its value."""
    A = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    instance = {"X": np.eye(2), "Y": A * [2.5, 1.5], "beta": 0.5}
    outcome = READINGS["reading-sign-condition"].check(instance)
    assert outcome.verdict is Verdict.HOLDS
    assert outcome.corrected is True


@pytest.mark.parametrize("c", [1, 2, 3])
def test_planar_program_is_the_group_lasso_over_dense_directions(c):
    """Against 720 directions on the circle with vector output weights; a finer grid comes closer from above."""
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(c)
    X, Y, beta = rng.standard_normal((4, 2)), rng.standard_normal((4, c)), 0.3
    angles = np.linspace(0.0, 2 * np.pi, 720, endpoint=False)
    hidden = np.maximum(X @ np.vstack([np.cos(angles), np.sin(angles)]), 0.0)
    V = cp.Variable((720, c))
    problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(hidden @ V - Y) + beta * cp.sum(cp.norm(V, 2, axis=1))))
    problem.solve(solver="CLARABEL")
    exact = planar_optimum(X, Y, beta)
    assert exact <= problem.value * (1 + 1e-7)
    assert problem.value == pytest.approx(exact, rel=1e-4)


def test_isotropic_targets_hide_the_wrong_root():
    """All singular values 1: every root is the same, so the printed form is right there."""
    instance = {"X": np.eye(3), "Y": np.eye(3), "depth": 4, "seed": 0}
    assert READINGS["reading-layer-root"].check(instance).verdict is Verdict.HOLDS


def test_depth_two_misses_just_the_factor():
    """At L = 2 the printed exponent is right and a factor of two remains; ||w||² + ||v||² >= 2 ||w v^T||_*."""
    W = np.outer([3.0, 4.0], [1.0])  # one singular value, 5
    claim = READINGS["reading-schatten-exponent"]
    instance = {"W": W, "depth": 2, "seed": 0}
    assert claim.predict(instance)["least"] == pytest.approx(5.0)
    assert claim.correction(instance)["least"] == pytest.approx(10.0)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_balanced_factors_multiply_to_the_matrix(depth):
    W = np.random.default_rng(depth).standard_normal((3, 4))
    factors = _factors(W, np.full(depth, depth), np.random.default_rng(0))
    assert np.allclose(np.linalg.multi_dot(factors), W)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_sawtooth_folds_the_segment_in_two_with_every_layer(depth):
    """Against exact rational arithmetic of the tent map."""
    start, end = np.array([1.0, -1.0]), np.array([2.0, 3.0])
    network = _sawtooth({"start": start, "end": end, "depth": depth})
    assert isinstance(network, DeepNetwork)
    assert sum(len(w[0]) for w in network.weights[:-1]) == 2 * depth
    for numerator in range(33):
        t = value = Fraction(numerator, 32)
        for _ in range(depth):
            value = max(2 * value, 0) - max(4 * value - 2, 0)
        assert network.predict((start + float(t) * (end - start))[None]).item() == pytest.approx(float(value), abs=1e-9)


def test_a_network_that_folds_alike_both_ways_refutes_nothing():
    """One neuron per layer: the walk crosses each boundary once from either end."""
    instance = {
        "W1": np.array([[1.0], [0.0]]), "b1": np.zeros(1), "W2": np.ones((1, 1)), "b2": -np.ones(1),
        "start": np.array([-2.0, 0.0]), "end": np.array([2.0, 0.0]),
    }  # fmt: skip
    outcome = READINGS["reading-folding-symmetric"].check(instance)
    assert outcome.verdict is Verdict.HOLDS
    assert outcome.corrected is True


def test_no_walk_of_three_neurons_folds_more_than_predicted():
    """The formula for the largest chi also bounds walks of three neurons, by counting bits literally."""
    codes = list(itertools.product([0, 1], repeat=3))
    largest = 0.0
    for rest in itertools.product(codes, repeat=3):
        walk = [codes[0], *rest]
        r1 = max(sum(a != b for a, b in zip(code, walk[0], strict=True)) for code in walk)
        r2 = sum(a != b for p, q in itertools.pairwise(walk) for a, b in zip(p, q, strict=True))
        largest = max(largest, 1 - r1 / r2 if r2 else 0.0)
    correction = READINGS["reading-folding-reaches-one"].correction
    assert largest < 1
    assert largest == pytest.approx(correction({"neurons": 3, "steps": 3})["largest"])


def test_few_shot_formulas_agree_for_many_shots():
    """What the short form omits is of order 1/m²."""
    instance = READINGS["reading-few-shot-snr"].example(0)
    gaps = []
    for m in (1, 10, 100):
        short, full = (_few_shot({**instance, "shots": m}, missing)["error"] for missing in (0.0, 1.0))
        gaps.append(abs(short - full))
    assert gaps[0] > 0.05 > gaps[1] > gaps[2]
    assert gaps[2] < 1e-3
