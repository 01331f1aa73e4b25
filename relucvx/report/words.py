"""The words of a report, and what they mean: short enough to stand in it, with no page to look up."""

from __future__ import annotations

import re
from html import escape

from relucvx.glossary import GLOSSARY

WORDS = {name: term.meaning for name, term in GLOSSARY.items()}
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
