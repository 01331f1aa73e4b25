"""The words of a report, and what they mean: short enough to stand in it, with no page to look up."""

from __future__ import annotations

import re
from html import escape

WORDS = {
    "p*": "The least objective that any network of this kind has, of any width. It is known between bounds.",
    "objective": "The loss summed over samples plus beta/2 times the squares of all weights that decay. Smaller is better.",
    "certified": "Proven for every activation pattern, by a computation whose rounding is bounded, whoever found the network.",
    "certified floor": "A proven lower bound on p*: no network of any width has a smaller objective.",
    "certified gap": "Objective minus the certified floor, over the objective: how far a network is from the best, at most.",
    "reached": "The certified gap is at most the reach that was asked for.",
    "fit": "Relative distance of a network's predictions on the samples from those of the solved network.",
    "kernel": "K = ΦΦᵀ, the inner products of the samples' hidden activities, with every neuron scaled to ‖w‖ = ‖v‖. "
    "Distances are relative Frobenius ones, and given only where all of the best networks are known to share theirs.",
    "neurons": "Hidden neurons with ‖w‖·‖v‖ above 1e-10 of the largest.",
    "NC1": "Scatter of the hidden activities within classes over that between classes, tr(S_W S_B⁺)/C: 0 where every class "
    "is one point.",
    "NC2": "How far the centred class means are from a simplex, all equally long and equally far apart: 0 where they form one.",
    "NC3": "Squared distance of the output weights from the class means, both scaled to norm 1: 0 where they are aligned.",
    "NC4": "Share of samples for which the network and the nearest class mean agree.",
    "neural collapse": "Classes become points (NC1), equally far apart (NC2), and the output weights follow (NC3).",
    "tr S_W/tr S_B": "Total scatter of the hidden activities within classes over that between classes.",
    "parallelism": "Mean cosine between the directions that code a factor in different contexts: 1 where coding is parallel.",
    "CCGP": "Accuracy of a linear decoder of a factor in contexts that it was not trained in.",
    "abstract": "Each factor is coded in the same direction whatever the others are: parallelism of 0.99 or more.",
    "tuning": "Mean over neurons of the largest correlation, in size, with a single factor.",
    "PR": "Participation ratio (tr K)²/tr K² of the centred kernel: the effective number of dimensions.",
    "gradient": "Relative size of the gradient where the trainer stopped.",
    "whitened": "X Xᵀ is the identity. The closed forms are proven under this and the other conditions named.",
    "singular-value shrinkage": "Closed form of the best network on whitened inputs: the targets, their singular values "
    "less beta.",
    "of every one": "The best networks need not be one. An interval holds for every one of them, of any width, not for the one "
    "found alone.",
}
"""Term to its meaning, in the order in which they are read."""

HEADS = {
    "certified gap": "certified gap", "objective": "objective", "reached": "reached", "neurons": "neurons", "fit": "fit",
    "kernel – solved": "kernel", "kernel – prediction": "kernel", "NC1": "NC1", "NC2": "NC2", "NC3": "NC3", "NC4": "NC4",
    "parallelism": "parallelism", "CCGP": "CCGP", "PR": "PR", "tuning": "tuning", "gradient": "gradient",
    "training reaches the optimum": "reached", "no network beats the bound": "certified floor",
    "the optimal kernel is unique": "kernel", "singular-value shrinkage": "singular-value shrinkage",
    "one output on whitened inputs": "whitened", "factors are abstract (measured)": "abstract",
    "abstract representation": "abstract", "classes collapse (measured)": "neural collapse", "global optimum": "p*",
    "certified floor": "certified floor", "runs that reach it": "reached", "optimal kernel": "kernel",
    "proven of every one": "of every one", "tr S_W/tr S_B": "tr S_W/tr S_B",
}  # fmt: skip
"""Heads of tables, claims and boxes, and the term that each of them is about."""


def anchor(term: str) -> str:
    """Where the meaning of a term stands in the page."""
    return "word-" + re.sub(r"[^a-z0-9]+", "-", term.lower().replace("*", "star")).strip("-")


def linked(text: str) -> str:
    """A head as HTML: with its meaning when the pointer rests on it, and a way to it on a touch."""
    term = HEADS.get(text, text if text in WORDS else "")
    # "neural collapse: kernel" is about neural collapse
    term = (
        term
        or HEADS.get(text.partition(":")[0], "")
        or (text.partition(":")[0] if text.partition(":")[0] in WORDS else "")
    )
    if not term:
        return escape(text)
    return f'<a class="term" href="#{anchor(term)}" title="{escape(WORDS[term])}">{escape(text)}</a>'


def glossary(body: str) -> str:
    """The terms that a page points to, with their meanings."""
    used = {t: text for t, text in WORDS.items() if f'href="#{anchor(t)}"' in body}
    rows = (f'<div id="{anchor(t)}"><dt>{escape(t)}</dt><dd>{escape(text)}</dd></div>' for t, text in used.items())
    return f'<dl class="words">{"".join(rows)}</dl>'
