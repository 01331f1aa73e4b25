"""The words of a report: explained where they stand, and only those that do."""

import re

import pytest

from relucvx.report.words import HEADS, WORDS, anchor, glossary, linked


def test_every_head_leads_to_a_word():
    assert set(HEADS.values()) <= set(WORDS)
    assert len({anchor(term) for term in WORDS}) == len(WORDS)
    assert all(re.fullmatch("word-[a-z0-9-]+", anchor(term)) for term in WORDS)


@pytest.mark.parametrize(
    ("text", "term"),
    [("NC1", "NC1"), ("neural collapse: kernel", "neural collapse"), ("certified gap", "certified gap")],
)
def test_a_word_is_explained_where_it_stands(text, term):
    assert f'href="#{anchor(term)}"' in linked(text)
    assert f">{text}</a>" in linked(text)


def test_what_is_no_term_is_a_text():
    assert linked("steps & <seconds>") == "steps &amp; &lt;seconds&gt;"


def test_the_glossary_has_what_the_page_points_to():
    text = glossary(linked("NC1") + linked("CCGP"))
    assert re.findall(r"<dt>([^<]*)</dt>", text) == ["NC1", "CCGP"]
