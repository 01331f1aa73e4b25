"""All of it at once: the parts are those of the doors, and what is not there is said."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics import crossnobis, dichotomies, epairs, measure, noise_ceiling, participation_ratio


def made(**given):
    """A small mixed code."""
    return rx.datasets.recording("mixed", n_trials=24, n_neurons=9, **given)


def test_parts_are_those_of_the_doors():
    recording = made()
    found = measure(recording, n_permutations=2, rng=0)
    np.testing.assert_allclose(found.distances.distances, crossnobis(recording).distances)
    np.testing.assert_array_equal(found.dichotomies.ccgp, dichotomies(recording, n_permutations=0).ccgp)
    assert found.categories.value == epairs(recording, n_draws=1, rng=0).value
    assert found.participation_ratio == pytest.approx(participation_ratio(kernel=recording.kernel().kernel))
    assert found.left_out == {}
    assert list(found.panels()) == ["activity", "distances", "embedding", "splits", "categories"]
    assert len(found.to_frame()) == 3
    assert found.facts()["n_trials"] == 24


def test_sessions_times_and_intervals():
    recording = made(n_sessions=2, n_times=3, noise=0.3)
    found = measure(recording, n_permutations=1, n_resamples=3, rng=0)
    assert found.ceiling is None or found.ceiling.names  # neurons differ: nothing to compare is no fault
    assert [course.names for course in found.over_time] == [("context",), ("choice",)]
    assert found.over_time[0].values[2, 0] > found.over_time[0].values[0, 0]
    assert [one.metric for one in found.intervals] == ["parallelism_score", "ccgp"]
    assert found.intervals[0].names == ("context", "choice")
    assert "time: choice" in found.panels()
    assert recording.pseudo_population(rng=0).over_time("parallelism_score", statistic="per_factor").names == (
        "context",
        "choice",
    )
    one = rx.datasets.recording("random", n_trials=48, n_neurons=6)
    both = rx.Recording(one.responses, factors=one.factors, session=["a"] * 24 + ["b"] * 24)
    assert measure(both, n_permutations=0, rng=0).ceiling.upper == pytest.approx(noise_ceiling(both).upper)


def test_what_a_recording_does_not_allow_is_said():
    single = rx.Recording([[1.0, 0.0], [0.0, 2.0]], condition=["A", "B"])
    found = measure(single, n_permutations=0)
    assert {"dimension", "distances", "splits"} <= set(found.left_out)
    assert found.dichotomies is None
    assert np.isnan(found.participation_ratio)
    late = measure(made(), time_limit=1e-9)
    assert set(late.left_out.values()) == {"no time was left"}
    with pytest.raises(InvalidInputError, match="n_permutations"):
        measure(made(), n_permutations=-1)
    for wrong in ({"n_jobs": 0}, {"progress": "loud"}, {"callback": 3}):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            measure(made(), **wrong)
