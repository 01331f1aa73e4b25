"""The site builds without a warning, holds every public name, and loads nothing from anywhere.

Marked slow: `.ci/run` asks for it by name, where the packages that build it are there.
"""

import re
import subprocess
import sys
import zlib

import pytest
from browser import MISSING, Browser, find_browser
from pages import ROOT
from pages_seen import CONTRAST, STRUCTURE

import relucvx

PARTS = (
    "arrangement", "certificate", "datasets", "kernel", "losses", "metrics", "network", "oracle", "program", "report",
    "solver", "theory", "training",
)  # fmt: skip

LOADS = re.compile(
    r"""<(?:script|img|iframe|source|embed|object|audio|video)\b[^>]*?\b(?:src|data|srcset)\s*=\s*["']?\s*(?:https?:)?//"""
    r"""|<link\b(?![^>]*rel=["'](?:canonical|author|license))[^>]*?\bhref\s*=\s*["']?\s*(?:https?:)?//"""
    r"""|url\(\s*["']?\s*(?:https?:)?//|@import\s+["'](?:https?:)?//""",
    re.I,
)
"""What makes a browser fetch something from a host: not a link that a reader may follow."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    for package in ("sphinx", "furo", "numpydoc", "myst_parser", "latex2mathml"):
        pytest.importorskip(package, reason="pip install '.[docs]'")
    out = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-d",
        str(out / "trees"),
        str(ROOT / "docs"),
        str(out / "html"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "html"


def inventory(site):
    """Names that the site documents."""
    data = (site / "objects.inv").read_bytes()
    lines = zlib.decompress(data.split(b"\n", 4)[4]).decode().splitlines()
    return {line.split(" ", 1)[0] for line in lines if " py:" in line}


def public_names():
    """(name of the package, name) of everything public."""
    for part in PARTS:
        package = getattr(__import__(f"relucvx.{part}"), part)
        for name in package.__all__:
            yield f"relucvx.{part}", name, getattr(package, name)
    for name in relucvx.__all__:
        yield "relucvx", name, getattr(relucvx, name)


@pytest.mark.slow
def test_every_public_name_is_in_the_reference(site):
    known = inventory(site)
    missing = []
    for package, name, found in public_names():
        top = f"relucvx.{name}" if getattr(relucvx, name, None) is found else ""
        if callable(found) and not {f"{package}.{name}", top} & known:
            missing.append(f"{package}.{name}")
    assert missing == []
    assert "relucvx.solve" in known
    assert "relucvx.nothing" not in known


@pytest.mark.slow
def test_every_claim_is_on_its_page(site):
    for expected, page in (("HOLDS", "statements.html"), ("VIOLATED", "errata.html")):
        text = (site / page).read_text()
        assert [c.id for c in relucvx.theory.claims() if c.expected == expected and f">{c.id}<" not in text] == []


@pytest.mark.slow
def test_no_page_loads_anything_from_a_host(site):
    files = [file for kind in ("*.html", "*.css", "*.js") for file in site.rglob(kind)]
    assert len(files) > 20
    assert {str(f.relative_to(site)): LOADS.findall(f.read_text()) for f in files if LOADS.search(f.read_text())} == {}


LISTS = ("genindex.html", "py-modindex.html", "search.html")
"""Pages that Sphinx makes by itself: their lists are laid out in tables."""


@pytest.mark.slow
@pytest.mark.skipif(find_browser() is None, reason=MISSING)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 420)])
def test_pages_are_readable_in_a_browser(site, scheme, width):
    pages = [file for file in sorted(site.rglob("*.html")) if file.name not in LISTS]
    assert len(pages) > 30
    bad = {}
    with Browser() as browser:
        for file in pages:
            asked = [a for a in browser.show(file, width, scheme) if not a.startswith(("data:", "file:"))]
            seen = browser.run(STRUCTURE)
            faults = {name: seen[name] for name in ("skipped", "nameless", "headless") if seen[name]}
            faults |= {"contrast": found} if (found := browser.run(CONTRAST)["bad"]) else {}
            faults |= {"asked": asked} if asked else {}
            whole = (seen["lang"], seen["first"], seen["tops"], bool(seen["title"]), seen["wide"])
            faults |= {} if whole == ("en", 1, 1, True, 0) else {"whole": whole}
            bad |= {str(file.relative_to(site)): faults} if faults else {}
    assert bad == {}


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ('<script src="https://cdn.example/x.js">', True),
        ("<img src='//cdn.example/x.png'>", True),
        ('<link rel="stylesheet" href="http://fonts.example/x.css">', True),
        ("@font-face { src: url(https://fonts.example/x.woff) }", True),
        ('@import "https://fonts.example/x.css";', True),
        ('<a href="https://example.org">', False),
        ('<script src="_static/x.js">', False),
        ('<link rel="stylesheet" href="_static/x.css">', False),
    ],
)
def test_the_check_of_loads_can_fail(text, loads):
    assert bool(LOADS.search(text)) is loads
