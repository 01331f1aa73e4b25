"""What a cut network says of itself."""

import dataclasses

import pytest
from metrics.layers.cases import LABELS, NET, X

import relucvx as rx


@pytest.fixture(scope="module")
def found():
    return rx.metrics.cut_and_refit(NET, X, LABELS, X, LABELS, layer="hidden 1")


@pytest.mark.parametrize(
    ("interval", "word"),
    [((-0.01, 0.3), "kept"), ((-0.3, -0.02), "lost"), ((-0.02, 0.3), "undecided"), ((-0.3, -0.01), "undecided")],
)
def test_the_word_is_where_the_interval_lies_against_the_margin(found, interval, word):
    moved = dataclasses.replace(found, interval=interval, margin=0.01)
    assert moved.word == moved.facts()["word"] == word
    assert moved.verdict.startswith(f"accuracy {word}: ")


def test_the_network_is_no_number(found):
    assert "network" not in found.to_dict()
    assert [row["network"] for row in found.records()] == ["whole", "cut behind hidden 1"]
    assert [bar.get_height() for bar in found.plot().patches[3:]] == list(found.per_class.values())
