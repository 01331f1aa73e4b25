"""Scores in every time bin: the metric of each window, shuffles alike in all bins, and what is refused."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording, ccgp, crossnobis, neural_collapse, participation_ratio

FACTORS = {"context": [0, 0, 1, 1] * 6, "choice": [0, 1, 0, 1] * 6}


def made(seed=0, **given):
    """Choice is coded in the last two of four bins."""
    Z = np.random.default_rng(seed).standard_normal((24, 3, 4))
    Z[:, 0, 2:] += 5.0 * np.array(FACTORS["choice"])[:, None]
    return Recording(Z, factors=FACTORS, time=[-0.2, 0.0, 0.2, 0.4], **given)


def test_each_bin_is_the_metric_of_its_window():
    recording = made()
    found = recording.over_time("ccgp", statistic="per_factor")
    for k, t in enumerate(recording.time):
        part = recording.window(t, t)
        np.testing.assert_allclose(found.values[k], ccgp(part.activity, part.factor_table).per_factor)
    classes = recording.over_time(neural_collapse, of="choice")
    assert classes.names == ("choice",)
    expected = neural_collapse(recording.window(0.0, 0.0).activity, FACTORS["choice"]).nc1
    assert classes.values[1, 0] == pytest.approx(expected)
    assert classes.values[2:].max() < classes.values[:2].min()
    alone = recording.over_time("participation_ratio")
    assert alone.values[0, 0] == pytest.approx(participation_ratio(recording.responses[:, :, 0]))


def test_windows_and_functions_of_a_recording():
    recording = made()
    found = recording.over_time(lambda part: crossnobis(part, noise=None).vector, width=0.2)
    np.testing.assert_allclose(found.time, [-0.1, 0.1, 0.3])
    assert found.values.shape == (3, 6)
    np.testing.assert_allclose(found.values[2], crossnobis(recording.window(0.2, 0.4), noise=None).vector)
    named = recording.over_time(crossnobis, statistic="vector", noise=None)
    np.testing.assert_allclose(named.values[3], crossnobis(recording.window(0.4, 0.4), noise=None).vector)


def test_shuffles_are_alike_in_all_bins_and_stay_in_their_session():
    recording = made(session=["a"] * 12 + ["b"] * 12)
    seen = []

    def spy(part):
        seen.append(part.responses[:, 1].copy())
        return 0.0

    recording.over_time(spy, n_permutations=2, rng=0, progress=False)
    draw = seen[4:8]  # after the four bins of the data
    order = [int(np.flatnonzero(recording.responses[:, 1, 0] == x)[0]) for x in draw[0]]
    assert sorted(order[:12]) == list(range(12))
    assert order != sorted(order)
    for k in range(4):
        np.testing.assert_array_equal(draw[k], recording.responses[order, 1, k])


def test_p_values_find_the_bins_that_code():
    found = made().over_time("neural_collapse", of="choice", n_permutations=39, rng=0)
    assert (found.p_values[2:] < 0.05).all()
    assert found.corrected_p_values.min() < 0.05
    assert (found.corrected_p_values >= found.p_values - 1e-12).all()
    assert (found.corrected_p_values[:2] > 0.05).all()
    assert {"time", "choice", "choice p", "choice corrected p"} == set(found.to_frame().columns)
    again = made().over_time("neural_collapse", of="choice", n_permutations=39, rng=found.seed)
    np.testing.assert_array_equal(again.null_values, found.null_values)
    cut = made().over_time(
        "neural_collapse", of="choice", n_permutations=39, rng=0, callback=lambda state: state.done >= 2
    )
    assert len(cut.null_values) == 2
    assert "stopped after 2 of 39" in cut.facts()["note"]


@pytest.mark.parametrize(
    ("metric", "given", "message"),
    [
        ("cka", {}, "a metric of one representation"),
        ("nothing", {}, "a metric among .* or a function of a recording"),
        ("ccgp", {"of": "choice"}, "of= with a metric of labels"),
        ("linear_probe", {"of": "colour"}, "among the factors context, choice"),
        ("linear_probe", {"width": 9.0}, "a width above 0 and up to 0.6"),
        ("participation_ratio", {"n_permutations": 3}, "shuffled trials do not change"),
    ],
)
def test_refusals(metric, given, message):
    with pytest.raises(InvalidInputError, match=message):
        made().over_time(metric, **given)
    with pytest.raises(InvalidInputError, match="a recording with time bins"):
        made().window().over_time("ccgp")
