"""What to cite: the package first, then what the docstrings name; what nobody has is an error that says what comes near."""

import re

import pytest
from pages import ROOT

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.references import PUBLICATIONS, REFERENCES

X, Y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]


def keys(what):
    return set(rx.cite(what).keys) - {"relucvx"}


def test_the_package_is_cited_as_its_citation_file_says():
    cff = (ROOT / "CITATION.cff").read_text()
    wanted = [re.search(rf'^ *(?:- )?{field}: "?(.*?)"?$', cff, re.M)[1] for field in ("name", "title", "version")]
    assert all(part in rx.cite().text and part in rx.cite().bibtex for part in wanted)
    assert rx.cite().keys == ("relucvx",)


def test_every_kind_of_thing_has_sources():
    assert keys("cover-1965") == {"cover-1965"}
    assert keys("abstract-kernel") == set(rx.theory.claim("abstract-kernel").source.split(", ")) - {"relucvx"}
    assert keys(rx.theory.claim("abstract-kernel")) == keys("abstract-kernel")
    assert keys("metrics.cka") == keys("relucvx.metrics.cka") == keys(rx.metrics.cka) >= {"kornblith-2019"}
    assert keys([rx.interpolate, "metrics.ccgp"]) == keys(rx.interpolate) | {"bernardi-2020"}
    assert keys("TwoLayerReLU") == keys(rx.TwoLayerReLU)


def test_a_result_has_the_sources_of_the_call_that_made_it():
    sol = rx.solve(X, Y, beta=1.0)
    assert keys(sol) == {"pilanci-ergen-2020"}
    assert keys(sol.certificate) == {"pilanci-ergen-2020"}
    assert keys(rx.solve(X, [[a, -a] for a in Y], beta=1.0)) == {"pilanci-ergen-2020", "sahiner-2021"}
    score = rx.metrics.ccgp([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], [[0, 0], [0, 1], [1, 0], [1, 1]])
    assert keys(score) == {"bernardi-2020"}
    assert keys(rx.theory.verify("spike-free-z-matrix", trials=1)) == keys("spike-free-z-matrix")


@pytest.mark.parametrize("key", PUBLICATIONS)
def test_every_publication_has_an_entry_that_a_bibliography_takes(key):
    reference, entry = PUBLICATIONS[key], PUBLICATIONS[key].bibtex(key)
    assert re.fullmatch(r"@(article|inproceedings|misc)\{[a-z0-9-]+,\n(  \w+ = \{.+\},\n)+\}", entry), entry
    assert entry.count("{") == entry.count("}")
    names = reference.authors.split(", ")
    assert all(re.fullmatch(r"(?:[A-Z]\.[- ])*[A-Z]\. (?:\w')?\w[\w-]+", name) for name in names), names
    assert entry.count(" and ") == len(names) - 1 + reference.title.count(" and ") + reference.venue.count(" and ")
    assert f"year = {{{reference.year}}}" in entry
    assert str(reference.year) in REFERENCES[key]
    assert (reference.venue or reference.arxiv) in REFERENCES[key]


def test_what_was_not_published_is_cited_without_an_entry():
    found = rx.cite(next(claim for claim in rx.theory.claims() if claim.expected == "VIOLATED"))
    assert found.keys == ("relucvx", "transcribed")
    assert "No author is held to it" in str(found)
    assert found.bibtex == rx.cite().bibtex


@pytest.mark.parametrize(
    ("what", "near"),
    [("pilanci-ergen-2021", "pilanci-ergen-2020"), ("svd-shrinkag", "svd-shrinkage"), ("metrics.ckaa", "metrics.cka"),
     ("nothing at all", "REFERENCES"), (3, "REFERENCES"), (len, "REFERENCES"), ("qq.zzz", "REFERENCES")],
)  # fmt: skip
def test_what_nobody_has_is_an_error_that_says_what_comes_near(what, near):
    with pytest.raises(InvalidInputError, match="expected a key") as error:
        rx.cite(what)
    assert near in str(error.value)
