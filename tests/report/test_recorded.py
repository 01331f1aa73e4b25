"""The page of a recording: well formed, escaped, nothing to load, a figure for each part."""

import dataclasses

import relucvx as rx
from relucvx.report.recorded import by_factor, findings, in_short, recording_page


def test_the_page_has_every_part_and_escapes_names():
    one = rx.datasets.recording("mixed", n_trials=24, n_neurons=9)
    recording = rx.Recording(one.responses, factors={"<b>": one.factors["context"], "side": one.factors["choice"]})
    found = rx.metrics.measure(recording, n_permutations=2, rng=0)
    text = recording_page(found, "<script>", "relucvx measure x.csv")
    assert text.count("<figure>") == len(found.panels()) == 5
    assert "<script" not in text
    assert "<b>" not in text
    assert "relucvx measure x.csv" in text
    assert "24 trials of 9 neurons in 4 conditions" in text
    for loaded in ("http://", "https://", "src="):
        assert loaded not in text.replace('href="#', "")


def test_numbers_are_whole_and_in_words():
    trials = rx.datasets.recording("abstract", n_trials=60, n_neurons=9, n_times=3, n_sessions=3)
    found = rx.metrics.measure(trials, n_permutations=20, n_resamples=5, rng=0, progress=False)
    text = recording_page(found, "trials")
    # every split, neuron and time bin, by the names that they have in the recording
    for shown in ("context × choice", "<b>n8</b>", "left go", "session 3", "95 % of shuffled trials"):
        assert shown.replace("<b>", ">").replace("</b>", "<") in text
    for hidden in ("OverTime", "DichotomyTable", "('left'", "to_frame", "shattering_dimension"):
        assert hidden not in text
    short = in_short(found)
    assert short["time: context"].startswith("decoded best at 0.2: 0.933 (chance 0.5); above chance in ")
    assert "cosine of distances" in short["noise ceiling"]
    said = findings(found)
    assert said[0].startswith("p: of each split by itself; below 0.05 after correction for all 3: decoding ")
    assert said[1:] == []
    few = dataclasses.replace(found.over_time[0], null_values=found.over_time[0].null_values[:5])
    # five draws can find nothing: it is not said that there is nothing
    assert "chance in" not in in_short(dataclasses.replace(found, over_time=(few,)))["time: context"]
    assert "nowhere" not in in_short(dataclasses.replace(found, over_time=(few,)))["time: context"]
    rows = {row["factor"]: row for row in by_factor(found)}
    assert set(rows) == {"context", "choice"}
    for row in rows.values():
        assert row["ccgp low"] <= row["ccgp"] <= row["ccgp high"]
        assert row["parallelism"] == found.dichotomies.factor_parallelism[found.dichotomies.names.index(row["factor"])]


def test_without_draws_nothing_is_said_of_them():
    found = rx.metrics.measure(rx.datasets.recording(n_trials=24, n_neurons=4), n_permutations=0, rng=0)
    assert findings(found) == []
    assert "95 % over trials" not in recording_page(found, "trials")
