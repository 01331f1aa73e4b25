"""References: cited, and true to what was read."""

import importlib
import inspect
import re

from test_docstrings import MODULES

from relucvx.references import REFERENCES
from relucvx.theory import claims


def test_every_reference_is_cited_and_every_citation_is_a_reference():
    cited = {key.strip() for claim in claims() for key in claim.source.split(",")}
    for module in MODULES:
        source = inspect.getsource(importlib.import_module(module))
        cited |= set(re.findall(r"\[([a-z]+(?:-[a-z]+)*-(?:19|20)\d\d)\]", source))
        cited |= {key for text in re.findall(r'source[=:"]+ ?"([a-z0-9, -]+)"', source) for key in text.split(", ")}
    assert cited - {"relucvx"} == set(REFERENCES) - {"relucvx"}


def test_what_was_read_in_part_says_so():
    """Titles as in the sources, and no author is held to what a transcription lost."""
    assert "Representation Geometry in Task-Optimized Network Models" in REFERENCES["wang-2025"]
    assert "transcription" in REFERENCES["wang-2025"]
    assert "2510.09816" in REFERENCES["wang-fusi-johnston-2025"]
    assert "not read" in REFERENCES["wang-fusi-johnston-2025"]
    assert {claim.source for claim in claims() if claim.expected == "VIOLATED"} == {"transcribed"}
    assert all(claim.source != "transcribed" for claim in claims() if claim.expected == "HOLDS")
