"""From a recording to theory: certified verdicts on exact kernels, estimates with noise, words, refusals."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.theory.recordings import explaining

TASK = rx.datasets.factorial(2, x0=1.0, x1=0.3, x2=0.3, rng=0)
LONG = {"inputs": TASK.X, "time_limit": 600.0}


def optimal():
    """Hidden activity of the optimum."""
    return rx.solve(TASK.X, TASK.Y, 0.5).network.hidden(TASK.X)


def recorded(features, rng, trials=12, noise=0.3):
    """Noisy trials of features of the conditions."""
    Z = np.repeat(features, trials, axis=0)
    return rx.Recording(Z + noise * rng.standard_normal(Z.shape), factors=np.repeat(TASK.Y, trials, axis=0))


@pytest.fixture(scope="module")
def unstructured():
    """Four conditions with nothing in common."""
    return rx.theory.explain(np.eye(4), TASK.Y, beta=0.5, **LONG)


def test_an_unstructured_kernel_of_an_abstract_task_is_incompatible(unstructured):
    found = unstructured
    assert found.verdict == "incompatible"
    assert found.least_excess > 0.05
    assert found.least_excess == found.suboptimality.relative
    ranges = {one.name: one for one in found.statistics}
    assert set(ranges) == {"share of the task", "parallelism, pooled", "participation ratio"}
    assert all(one.verdict == "incompatible" for one in ranges.values())
    assert ranges["share of the task"].value == pytest.approx(2 / 3)
    assert found.similarity <= found.similarity_upper < 0.9
    # what is said to be near the optimum is
    H = found.nearest_network.hidden(TASK.X)
    assert np.allclose(H @ H.T, found.nearest_kernel)
    assert rx.certify(found.nearest_network, TASK.X, TASK.Y, 0.5).upper <= found.solution.objective * (1.01 + 1e-9)


def test_the_verdict_comes_with_what_would_change_it(unstructured):
    text = str(unstructured)
    assert "no network of any width" in text
    assert "delta of at least 0.0" in text
    assert "noise, from a radius of" in text
    assert "assumed: the kernel that was given is exact" in text
    frame = unstructured.to_frame()
    assert set(frame["kind"]) == {"sub-optimality", "statistic", "similarity", "closed form", "geometry"}
    assert "does not apply: one-hot rows" in " ".join(frame["verdict"])


@pytest.mark.slow
def test_the_packages_own_geometries_are_told_apart():
    found = {
        kind: rx.theory.explain(rx.datasets.recording(kind, n_neurons=50, rng=0), time_limit=600.0)
        for kind in ("abstract", "random", "collapsed")
    }
    # conditions without anything in common leave the geometry open: both are optima, and only one is the closed form
    assert [one.verdict for one in found.values()] == ["compatible", "compatible", "incompatible"]
    forms = {kind: [form.verdict for form in one.closed_forms if form.applies] for kind, one in found.items()}
    assert forms == {"abstract": ["compatible"], "random": ["incompatible"], "collapsed": ["incompatible"]}
    near = {kind: [form.name for form in one.geometries if form.verdict == "compatible"] for kind, one in found.items()}
    assert near["abstract"] == ["the outputs of the task together"]
    assert near["random"] == ["conditions with nothing in common"]
    assert near["collapsed"] == ["output 1 alone"]
    for kind in ("abstract", "random"):
        assert "the task leaves the geometry open" in found[kind].statement
        assert found[kind].apart < 0.9
        assert "inputs=" in " ".join(found[kind].changes)
    one = found["collapsed"]
    assert one.least_excess > 0.1
    assert one.excluded == ((pytest.approx(one.betas[0]), pytest.approx(one.betas[-1])),)
    # the same geometry by its name: what it costs is proven without noise as well
    assert {form.name: form.excess > 0.1 for form in one.geometries}["output 1 alone"]


@pytest.mark.slow
def test_where_conditions_share_inputs_noisy_bands_are_decided():
    rng = np.random.default_rng(3)
    random = rx.theory.explain(recorded(rng.standard_normal((4, 60)), rng), n_resamples=60, **LONG)
    assert random.verdict == "incompatible"
    assert "nothing in common" in random.statement


@pytest.mark.slow
def test_the_optimum_itself_is_compatible_and_has_the_closed_form():
    K = optimal() @ optimal().T
    found = rx.theory.explain(7.0 * K + 3.0, TASK.Y, beta=0.5, **LONG)
    assert found.verdict == "compatible"
    assert abs(found.least_excess) < 1e-6
    assert found.similarity == pytest.approx(1.0)
    assert [form.verdict for form in found.closed_forms if form.applies] == ["compatible"]
    assert all(one.verdict == "compatible" for one in found.statistics)


@pytest.mark.slow
def test_noisy_mixtures_of_the_optimum_are_compatible():
    rng = np.random.default_rng(0)
    H = optimal()
    found = rx.theory.explain(
        recorded(H @ rng.standard_normal((H.shape[1], 60)), rng), beta=0.5, n_resamples=60, **LONG
    )
    assert found.verdict == "compatible"
    assert 0.0 < found.radius < 0.5 * np.linalg.norm(found.kernel)
    assert "four times the neurons" in " ".join(found.changes)
    assert "random sample" in " ".join(found.assumptions)
    one = found.statistics[0]
    assert one.low < one.value < one.high


@pytest.mark.slow
def test_an_interval_that_meets_the_range_is_not_outside():
    # a mixture of the optimum's kernel and of one without structure: its share of the task is within a few percent
    K = optimal() @ optimal().T
    mixed = K / np.trace(K) + 0.01 * np.eye(4)
    found = rx.theory.explain(mixed, TASK.Y, beta=0.5, delta=0.05, **LONG).statistics[0]
    assert found.lower < found.value < found.upper - 1e-3
    assert found.verdict == "compatible"


@pytest.mark.slow
def test_a_band_of_strengths_is_proven_between_those_solved():
    found = rx.theory.explain(np.eye(4), TASK.Y, **LONG)
    assert found.verdict == "incompatible"
    assert 0.0 < found.least_excess <= found.excesses.min()
    for beta in np.geomspace(found.betas[0], found.betas[-1], 9):
        sol = rx.solve(TASK.X, TASK.Y, beta)
        own = rx.kernel_suboptimality(sol, np.eye(4), baseline="free")
        # the value itself, of which chords are a bound
        assert own.relative >= found.least_excess - 1e-6
    assert "at every beta from" in found.statement


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": None}, "targets, the task"),
        ({"targets": np.ones((3, 1))}, "one row per condition"),
        ({"inputs": np.eye(3)}, "one row per condition"),
        ({"beta": 50.0}, "beta below beta_max"),
        ({"beta": (0.1, 0.2, 0.3)}, "two ends of a band"),
        ({"neurons": "few"}, 'neurons "sampled" or "all"'),
        ({"baseline": "gone"}, "baseline"),
        ({"recording": np.ones((4, 4))}, "tells samples apart"),
        ({"recording": np.ones((4, 3))}, "shape"),
        ({"delta": 0.0}, "delta"),
    ],
)
def test_what_cannot_be_explained_is_refused(change, message):
    given = {"recording": np.eye(4), "targets": TASK.Y, "inputs": TASK.X, "beta": 0.5}
    with pytest.raises(InvalidInputError, match=message):
        rx.theory.explain(**{**given, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"time_limit": -1.0}, {"n_resamples": 3}, {"baseline": "gone"}, {"bias": "some"}, {"targets": np.ones((3, 1))},
        {"inputs": np.eye(3)}, {"beta": (0.1, 0.2, 0.3)}, {"beta": -1.0}, {"confidence": 2.0}, {"neurons": "few"},
        {"recording": 3},
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_before_anything_takes_long(change, monkeypatch):
    for slow in ("clock", "estimate", "searched_beta_max"):
        monkeypatch.setattr(explaining, slow, lambda *_, **__: pytest.fail("the work had begun"))
    with pytest.raises(InvalidInputError):
        rx.theory.explain(**{"recording": recorded(np.eye(4), np.random.default_rng(0)), "inputs": TASK.X, **change})


def test_few_neurons_are_named_where_they_are_the_reason():
    rng = np.random.default_rng(0)
    one = recorded(np.random.default_rng(5).standard_normal((4, 5)), rng)
    with pytest.raises(InvalidInputError, match=r"which neurons were recorded: 5 stand for all.*neurons=\"all\""):
        rx.theory.explain(one, **LONG)


def test_many_conditions_and_free_biases_are_refused():
    with pytest.raises(UnsupportedError, match="24 conditions"):
        rx.theory.explain(np.eye(25), np.eye(25))
    with pytest.raises(UnsupportedError, match="free"):
        rx.theory.explain(np.eye(4), TASK.Y, bias="free")
