"""The page of a recording: well formed, escaped, nothing to load, a figure for each part."""

import relucvx as rx
from relucvx.report.recorded import recording_page


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
