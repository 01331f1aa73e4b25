"""Frames and arrays are one recording."""

import numpy as np
import pandas as pd
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording

FACTORS = {"context": ["a", "a", "b", "b"] * 5, "choice": [1, 2] * 10}


def made(T=None, seed=0, **given):
    """Twenty trials of four conditions in three neurons."""
    shape = (20, 3) if T is None else (20, 3, T)
    responses = np.random.default_rng(seed).standard_normal(shape)
    return Recording(responses, **{"factors": FACTORS, "neurons": ["v1", "v2", "v4"], **given})


def test_arrays_and_frames_are_one_recording():
    recording = made(T=4, time=[-0.1, 0.0, 0.1, 0.2], session=["s"] * 10 + ["t"] * 10)
    frame = recording.to_frame()
    columns = {"neurons": ["v1", "v2", "v4"], "factors": ["context", "choice"], "session": "session", "time": "time"}
    for rows in (frame, frame.sort_values(["time", "trial"])):
        again = Recording.from_frame(rows, **columns)
        np.testing.assert_array_equal(again.responses, recording.responses)
        assert (again.condition, again.session, again.factors) == (
            recording.condition, recording.session, recording.factors,
        )  # fmt: skip
        np.testing.assert_array_equal(again.time, recording.time)
    shuffled = frame.sample(frac=1.0, random_state=0)
    again = Recording.from_frame(shuffled, trial="trial", **columns)
    order = list(dict.fromkeys(shuffled["trial"]))
    np.testing.assert_array_equal(again.responses, recording.responses[order])
    table = pd.DataFrame(made().responses, columns=["v1", "v2", "v4"])
    assert Recording(table, factors=pd.DataFrame(FACTORS)).neurons == ("v1", "v2", "v4")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"condition": "odour"}, "condition as a column of the frame: 'stimulus', 'time', 'cell'; received 'odour'"),
        ({"condition": "stimulus", "neurons": ["stimulus"]}, "which is a label as well"),
        ({"condition": "stimulus", "trial": "time"}, "one row for each trial; received trials of several rows"),
        (
            {"condition": "stimulus", "time": "time", "neurons": ["cell"]},
            "the same times in every trial; received no row at time 1",
        ),
        ({"condition": "stimulus", "session": ["time", "cell"]}, "one column for session"),
    ],
)
def test_frames_that_are_no_recordings(given, message):
    frame = pd.DataFrame({"stimulus": list("AAB"), "time": [0, 1, 0], "cell": [1.0, 2.0, 3.0]})
    with pytest.raises(InvalidInputError, match=message):
        Recording.from_frame(frame, **given)


def test_trials_that_are_counted_anew_ask_for_the_session():
    frame = pd.DataFrame({"s": list("aabb"), "n": [0, 0, 0, 0], "t": [0, 1, 0, 1], "cell": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(InvalidInputError, match="counted anew in each session; try: session=COLUMN as well"):
        Recording.from_frame(frame, condition="s", time="t", trial="n", neurons=["cell"])
    assert Recording.from_frame(frame, condition="s", time="t", trial="n", session="s", neurons=["cell"]).n_trials == 2


@pytest.mark.parametrize("T", [None, 4])
def test_numbers_of_trials_are_no_neuron(T):
    """A frame that a recording was written to is read with them, or not at all: they would outweigh all else."""
    recording = made(T=T, time=None if T is None else range(T))
    frame = recording.to_frame()
    time = {} if T is None else {"time": "time"}
    for rows in (frame, frame.sample(frac=1.0, random_state=0)):
        with pytest.raises(InvalidInputError, match=r"received 'trial', which counts the rows.* try: trial='trial'"):
            Recording.from_frame(rows, factors=["context", "choice"], **time)
        again = Recording.from_frame(rows, factors=["context", "choice"], trial="trial", **time)
        assert again.neurons == recording.neurons
        order = list(dict.fromkeys(rows["trial"]))
        np.testing.assert_array_equal(again.responses, recording.responses[order])


def test_counts_of_spikes_are_neurons():
    frame = pd.DataFrame({"stimulus": list("AABBAB"), "one": [0, 0, 0, 1, 1, 1], "other": [3, 1, 2, 4, 6, 5]})
    assert Recording.from_frame(frame, condition="stimulus").neurons == ("one", "other")


def test_trials_are_rows_of_one_label():
    frame = pd.DataFrame({"stimulus": list("ABAB"), "time": [0, 1, 0, 1], "cell": [1.0, 2.5, 3.0, 4.0]})
    with pytest.raises(InvalidInputError, match="one value of column 'stimulus' in each trial"):
        Recording.from_frame(frame, condition="stimulus", time="time")
    with pytest.raises(InvalidInputError, match="a data frame; received"):
        Recording.from_frame([[1.0]], condition="stimulus")


def test_sessions_have_the_same_factors_and_times():
    one = Recording([[1.0], [2.0]], condition=["A", "B"])
    for other in (
        Recording([[[1.0]], [[2.0]]], condition=["A", "B"]),
        Recording([[1.0], [2.0]], factors={"x": [0, 1]}),
    ):
        with pytest.raises(InvalidInputError, match="the same factors and times"):
            Recording.of_sessions({"a": one, "b": other})
    with pytest.raises(InvalidInputError, match="recordings by their session"):
        Recording.of_sessions([one])
