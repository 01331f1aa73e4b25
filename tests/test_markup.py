"""Every result of the package shows itself: the rail that a new class is held to, and that it can fail."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import test_doors as doors
from shown import HELD, assert_drawn, assert_html, assert_shown, result_classes, results_in, takes_axes, undrawn

import relucvx as rx
from relucvx import datasets, markup, metrics
from relucvx.certificate import path_band, prove_dual
from relucvx.certificate.optima import continuum
from relucvx.metrics.samples.class_pairs import ConvexityNull
from relucvx.oracle.branches import BranchNorm
from relucvx.program.atoms import ConvexPrimal, MomentPrimal
from relucvx.program.planar_cones import PlanarCells
from relucvx.solver.conic import ConicResult
from relucvx.theory.definition import Deviation, Outcome, Verdict
from relucvx.theory.diagrams import PhaseDiagram
from relucvx.theory.families import Member
from relucvx.theory.verified import Verification
from relucvx.types import Result, Scope

ONE = np.ones((2, 2))


def diagram():
    """A diagram of two cells, one of them not proven."""
    given = dict.fromkeys(["leasts", "mosts", "objectives", "lowers", "betas", "neurons", "seconds"], ONE[:1])
    return PhaseDiagram(
        "a_family", "$nc1_<b>", "x<1>", "y", np.array([0.5, 1.0]), np.array([2.0]), {"d": 3}, ONE[:1],
        rel_gaps=np.array([[0.0, 1.0]]), tol=1e-6, computed=2, **given,
    )  # fmt: skip


BY_HAND = {
    "DualNormBound Proof": lambda: prove_dual(rx.make_problem(ONE, [1.0, 2.0], 0.5), 0.1 * ONE[:, :1]),
    "Continuum": lambda: continuum.Continuum(1, ONE[0], ONE, 0.5, False),
    "Knot": lambda: path_band.Knot(0.5, doors.NETWORK, ONE[:, :1], 1.0),
    "BranchNorm": lambda: BranchNorm(0.5, 1.0, ONE[0], 0.1, 10, 0.01, "proved"),
    "Embedding": lambda: metrics.crossnobis(doors.recorded()).embedding(),
    "OverTime": lambda: rx.Recording(
        np.random.default_rng(0).standard_normal((8, 2, 3)), factors={"<b>": [0, 1] * 4}
    ).over_time("neural_collapse", of="<b>", n_permutations=2, rng=0),
    "ConvexityNull": lambda: ConvexityNull(0.5, (0.4, 0.6), 0.01, {"<i>": 0.5}, {"<i>": (0.1, 0.9)}, {"<i>": 0.1}, 9, 0.9),
    "TextbookInstance": lambda: next(iter(datasets.textbook_instances().values())),
    "ConicResult": lambda: ConicResult(ConvexPrimal(ONE, ONE), ONE[:, :1], 1.0, "SCS", "optimal", 1e-9, 0.1, 0.2),
    "Deviation Outcome": lambda: Outcome(Verdict.VIOLATED, "", (Deviation("<script>", 1.0, 0.5),)),
    "Member": lambda: Member(rx.make_problem(ONE, [1.0, 2.0], 0.5)),
    "MomentPrimal": lambda: MomentPrimal(np.ones((2, 3, 3)), ONE),
    "PlanarCells": lambda: PlanarCells(ONE, ONE, np.ones((3, 2, 2))),
    "Preparation": lambda: datasets.load("iris", components=2).preparation,
    "PhaseDiagram": diagram,
    "Verification": lambda: Verification(
        "claim", Verdict.HOLDS, "HOLDS", 5, 0, {"<b>": 1}, 0.1, "a & b", None, None, {}, False, 0.1, "",
    ),
    "Explanation ComparedStatistic ComparedForm": lambda: rx.theory.explain(ONE + np.eye(2), np.eye(2), beta=0.2),
    "WarmUp": lambda: rx.WarmUp(1, 2, None, 0.5),
}  # fmt: skip
"""Classes that come out of no door of that table, and an object of each, with texts that HTML takes for its own."""


def names(texts):
    """Names of classes, of texts of them."""
    return [name for text in texts for name in text.split()]


def test_every_result_class_is_shown():
    """A new class belongs into HELD, with the door that it comes from, or into BY_HAND."""
    assert set(HELD) <= set(doors.WORKS)
    assert sorted(names(HELD.values()) + names(BY_HAND)) == sorted(c.__name__ for c in result_classes())


@pytest.mark.parametrize("kind", BY_HAND)
def test_results_made_by_hand_are_shown(kind):
    found = results_in(BY_HAND[kind]())
    for result in found.values():
        assert_shown(result)
    held = {c.__name__: result for c, result in found.items()}
    for name in kind.split():
        assert_drawn(held[name])


def test_every_result_class_draws_itself_or_says_why_not():
    drawing = {c.__name__ for c in result_classes() if hasattr(c, "plot")}
    assert drawing.isdisjoint(undrawn())
    assert drawing | undrawn() == {c.__name__ for c in result_classes()}


@dataclasses.dataclass(frozen=True)
class Hostile(Result):
    """A result with whatever a file may have in it."""

    name: str = "<script src='http://x.y'>alert(1)</script>\n" + "long " * 100
    labels: tuple = ("<b>", "a & b", "http://x.y")
    shares: dict = dataclasses.field(default_factory=lambda: {"<img src=x>": 0.5, "y": np.nan})
    array: np.ndarray = dataclasses.field(default_factory=lambda: np.arange(30.0).reshape(5, 6))
    nothing: None = None
    scope: Scope = Scope.RELAXED

    def records(self):
        """More rows and columns than a notebook shows."""
        return ({f"<{k}>": f"&{i}" for k in range(30)} for i in range(100))


def test_texts_of_others_are_escaped_and_long_ones_cut():
    result = Hostile()
    assert_shown(result)
    html = result._repr_html_()
    assert "&lt;script src=" in html
    assert '<th scope="col"' in html
    assert "the first rows and columns; all of them: .to_frame()" in html
    assert "&amp;19<" in html
    assert "&amp;20<" not in html
    assert len(html) < 60_000
    assert result.to_frame().shape == (100, 30)


class Bare(Hostile):
    """What the rail refuses."""

    def __repr__(self):
        return "Bare(" + "x" * 200

    def _repr_html_(self):
        return f"<table><caption>c</caption><tr><td>{self.name}</td></tr></table>"


@pytest.mark.parametrize(
    "text",
    [
        Bare()._repr_html_(),
        "<table><caption>c</caption><tr><th>a</th><td>b</td></tr></table>",
        "<table><caption>c</caption><tr><td>b</td></tr>",
        "<table><caption>c</caption><tr><td>b</tr></td></table>",
        "<table><tr><td>no caption</td></tr></table>",
        '<table><caption>c</caption><tr><td style="background:url(http://x)">b</td></tr></table>',
        '<table style="color:#111"><caption>c</caption><tr><td>b</td></tr></table>',
        "<table><caption>c</caption><tr><td onclick='f()'>b</td></tr></table>",
        "<table><caption>c</caption><tr><td>&lt;object at 0x7f00aa&gt;</td></tr></table>",
        "plain text",
    ],
)
def test_the_check_of_html_can_fail(text):
    with pytest.raises(AssertionError):
        assert_html(text)


def test_the_check_of_what_is_shown_can_fail():
    with pytest.raises(AssertionError, match="characters: Bare"):
        assert_shown(Bare())


def test_every_dataclass_of_results_has_a_short_line_without_asking_for_it():
    assert repr(Hostile()).startswith('Hostile(name="<script src=')
    assert repr(metrics.Procrustes(0.0, 1.0)) == "Procrustes(distance=0, similarity=1)"


def test_rows_go_into_a_frame():
    found = metrics.Procrustes(0.0, 1.0)
    assert found.to_frame().to_dict("records") == [{"distance": 0.0, "similarity": 1.0}]
    assert isinstance(pd.concat([found.to_frame()] * 2), pd.DataFrame)
    assert takes_axes(metrics.LayerSimilarity.plot)


def test_an_empty_note_is_not_shown():
    facts = {"mean": 0.5, "note": ""}
    assert markup.one_line("Score", facts) == "Score(mean=0.5)"
    assert "note" not in markup.facts_table("Score", facts)
    assert "note='below'" in markup.one_line("Score", {**facts, "note": "below"})
