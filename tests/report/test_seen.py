"""The report as a reader sees it: in a browser, light, dark and on a telephone, with no network.

Skipped where there is no Chromium. With RELUCVX_PICTURES=folder the screenshots stay there, to be looked at.
"""

import base64
import hashlib
import os
from pathlib import Path

import pytest
from browser import MISSING, Browser, find_browser
from pages_seen import CONTRAST, LINES, STRUCTURE
from report.cases import comparison

import relucvx as rx
from relucvx.metrics.figures import unseen
from relucvx.report.recorded import recording_page
from relucvx.results import write_text

SETTINGS = [("light", 1280), ("dark", 1280), ("light", 420), ("dark", 420)]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_browser() is None, reason=MISSING)]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A proven report with classes, one on the sphere, and one of what is not proven."""
    folder = tmp_path_factory.mktemp("pages")
    iris = rx.datasets.load("iris")
    names = {"feature_names": iris.feature_names, "target_names": iris.target_names}
    training = {"seeds": range(3), "width": 12, "max_steps": 60}
    rough = rx.datasets.get("planted:60x4")
    made = {
        "classes": rx.compare(iris.X, iris.Y, 2.0, bias="all", training=training, **names),
        "sphere": comparison(bias="all"),
        "open": rx.compare(rough.X, rough.Y, 0.01, training=training, time_limit=0.5),
    }
    assert not made["open"].proven
    command = "relucvx compare iris --bias all --html iris.html"
    shown = {name: found.to_html(folder / f"{name}.html", name, command=command) for name, found in made.items()}
    trials = rx.datasets.recording("mixed", n_trials=80, n_neurons=30, n_factors=3, n_times=4, n_sessions=2)
    measured = rx.metrics.measure(trials, n_permutations=9, n_resamples=5, rng=0, progress=False)
    with unseen():
        text = recording_page(measured, "recording", "relucvx measure trials.csv")
    return {**shown, "recording": write_text(folder / "recording.html", text)}


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.mark.parametrize("name", ["classes", "sphere", "open", "recording"])
@pytest.mark.parametrize(("scheme", "width"), SETTINGS)
def test_a_page_is_readable_everywhere(pages, browser, tmp_path, name, scheme, width):
    asked = browser.show(pages[name], width, scheme)
    assert [address for address in asked if not address.startswith("data:")] == []
    found = browser.run(CONTRAST)
    assert found["count"] > 100
    assert found["bad"] == []
    assert min(browser.run(LINES).values()) >= 3.0
    seen = browser.run(STRUCTURE)
    assert (seen["lang"], seen["title"], seen["first"], seen["tops"]) == ("en", name, 1, 1)
    assert (seen["skipped"], seen["nameless"], seen["headless"], seen["twice"], seen["wide"]) == ([], [], [], [], 0)
    assert seen["figures"] >= 4
    folder = Path(os.environ.get("RELUCVX_PICTURES", tmp_path))
    picture = browser.picture(folder / f"{name}-{scheme}-{width}.png")
    assert picture.stat().st_size > 50_000


def test_dark_is_dark_and_paper_is_white(pages, browser):
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.show(pages["classes"], 1280, "dark")
    dark = browser.run(ground)
    browser.show(pages["classes"], 1280, "light")
    assert (dark, browser.run(ground)) == ("rgb(21, 24, 29)", "rgb(255, 255, 255)")
    browser.show(pages["classes"], 1280, "dark", media="print")
    assert browser.run(ground) == "rgb(255, 255, 255)"
    assert browser.run("getComputedStyle(document.querySelector('.wide')).overflowX") == "visible"


def test_tables_scroll_in_their_own_box(pages, browser):
    browser.show(pages["classes"], 420)
    wide = browser.run("[...document.querySelectorAll('.wide')].map((e) => [e.scrollWidth, e.clientWidth, e.tabIndex])")
    assert any(whole > seen for whole, seen, _ in wide)
    assert all(index == 0 for *_, index in wide)


def test_links_save_what_they_say(pages, browser, tmp_path):
    browser.show(pages["classes"], 1280)
    links = browser.run("[...document.querySelectorAll('a[download]')].map((a) => [a.download, a.href])")
    assert [name for name, _ in links] == ["classes.json", "classes.csv"]
    browser.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for name, address in links:
        browser.run(f"document.querySelector('a[download=\"{name}\"]').click()")
        saved = browser.wait_for(tmp_path / name)
        assert hashlib.sha256(saved).digest() == hashlib.sha256(base64.b64decode(address.partition(",")[2])).digest()


def test_the_checks_can_fail(browser, tmp_path):
    """A page with every fault that is looked for."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!DOCTYPE html><html><head><title></title><style>:root { --paper: #fff; --ink: #eee; --run: #fff; --optimum: #000;"
        " --floor: #000; --quiet: #000 }</style></head><body><h1>a</h1><h3 style='color: #ddd'>faint</h3><img src='x.png'>"
        "<p id='a'></p><p id='a'></p><table><tr><td>1</td></tr></table><div style='width: 3000px'>x</div>"
        "<script src='http://example.invalid/x.js'></script></body></html>"
    )
    asked = browser.show(bad, 420)
    assert any(address.startswith("http://example.invalid") for address in asked)
    assert len(browser.run(CONTRAST)["bad"]) == 1
    assert browser.run(LINES)["ink"] < 3.0
    seen = browser.run(STRUCTURE)
    assert seen["lang"] == seen["title"] == ""
    assert seen["skipped"] == [3]
    assert len(seen["nameless"]) == len(seen["headless"]) == len(seen["twice"]) == 1
    assert seen["wide"] > 0
