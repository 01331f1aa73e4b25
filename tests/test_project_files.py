"""The files that face outwards: how to cite, how to contribute, what runs before a commit, what the README may cost."""

import re
import tomllib

import pytest
from pages import README, ROOT, blocks, commands

import relucvx

MOST_WORDS = 700
REQUIRED = ("cff-version", "message", "title", "authors")
"""Of the Citation File Format 1.2.0."""

TYPES = {"software", "dataset"}


def complaints(cff):
    """What a citation file lacks or has in another form than the format asks for."""
    out = [f"no {key}" for key in REQUIRED if not cff.get(key)]
    out += [] if cff.get("cff-version") == "1.2.0" else ["cff-version is not 1.2.0"]
    out += [] if cff.get("type", "software") in TYPES else ["type is no type"]
    for who in [a for entry in (cff, *cff.get("references", ())) for a in entry.get("authors") or [{}]]:
        if not ("name" in who or {"family-names", "given-names"} <= set(who)):
            out.append(f"an author without a name: {who}")
    for entry in cff.get("references", ()):
        out += [f"a reference without {key}" for key in ("type", "title", "authors") if not entry.get(key)]
    out += [f"keywords are no words: {cff['keywords']}"] if not all(map(str, cff.get("keywords", ()))) else []
    return out


def loaded(name):
    """A YAML file of the project."""
    return pytest.importorskip("yaml", reason="pip install '.[docs]'").safe_load((ROOT / name).read_text())


def test_the_citation_file_has_what_the_format_requires():
    cff = loaded("CITATION.cff")
    assert complaints(cff) == []
    assert cff["version"] == relucvx.__version__
    assert cff["license"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"]
    assert "url" not in str(cff)  # no address is known to be the project's


@pytest.mark.parametrize(
    "change",
    [{"message": ""}, {"authors": []}, {"cff-version": 1.2}, {"authors": [{"given-names": "A"}]}, {"type": "book"},
     {"references": [{"title": "T", "authors": [{"name": "A"}]}]}],
)  # fmt: skip
def test_the_check_of_citations_can_fail(change):
    good = {"cff-version": "1.2.0", "message": "m", "title": "t", "authors": [{"name": "n"}]}
    assert complaints(good) == []
    assert complaints({**good, **change})


def test_what_runs_before_a_commit_is_what_is_run_in_the_end():
    hooks = [hook for repo in loaded(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert {hook["id"] for hook in hooks} == {"ruff-format", "ruff-check", "mypy"}
    assert {hook["language"] for hook in hooks} == {"system"}  # nothing is fetched
    assert all(any(line == entry or line == f"{entry} ." for line in lines) for entry in [h["entry"] for h in hooks])


def test_the_readme_is_short_and_says_what_it_must():
    text = README.read_text()
    assert len(text.split()) <= MOST_WORDS
    (script,) = [b.text for b in blocks(README) if b.kind == "python"]
    assert 9 <= len([line for line in script.splitlines() if line.strip()]) <= 12
    assert len(commands(README)) == 1
    table = text.split("## I want to")[1].split("##")[0]
    assert len(re.findall(r"^\| (?!I want|---)", table, re.M)) == 13
    proven = text.split("## What is proven")[1].split("##")[0]
    assert len(re.findall(r"^\* ", proven, re.M)) == 5
    (figure,) = re.findall(r"!\[[^\]]+\]\((\S+)\)", text)
    assert 0 < (README.parent / figure).stat().st_size < 100_000


def test_every_extra_says_why():
    text = (ROOT / "pyproject.toml").read_text()
    extras = text.split("[project.optional-dependencies]")[1].split("\n[")[0]
    for line in extras.split("docs = [")[1].split("]")[0].strip().splitlines():
        assert "#" in line, line
