"""The pages on adding a loss, a metric and a claim, followed to the letter in a copy of the package."""

import shutil

import pytest
from pages import PAGES, ROOT, blocks, commands, differences, in_shell


def edited(text, diff):
    """A file with the lines of a diff put in; its context must be there, once."""
    before = "".join(line[1:] + "\n" for line in diff.splitlines() if not line.startswith("+"))
    after = "".join(line[1:] + "\n" for line in diff.splitlines() if not line.startswith("-"))
    assert text.count(before) == 1, f"{text.count(before)} places for\n{before}"
    return text.replace(before, after)


@pytest.fixture(params=["add_a_metric", "add_a_claim"])
def followed(request, tmp_path):
    """(page, a copy of the package with what the page adds)."""
    page = PAGES[f"docs/extend/{request.param}.md"]
    shutil.copytree(ROOT / "relucvx", tmp_path / "relucvx")  # with its compiled kernels
    for block in blocks(page):
        file = tmp_path / block.caption
        if block.kind == "diff":
            file.write_text(edited(file.read_text(), block.text))
        elif block.caption not in ("", "run"):
            assert not file.exists()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
    return page, tmp_path


def test_what_a_page_adds_runs_and_passes_its_own_tests(followed):
    page, copy = followed
    for words, wanted in commands(page):
        code, out, err = in_shell(["-m", "relucvx", *words], copy, copy)
        assert (code, bool(out.strip())) == (wanted, True), err
    shown = [b.text for b in blocks(page) if b.kind == "text"]
    for block, output in zip([b for b in blocks(page) if (b.kind, b.caption) == ("python", "run")], shown, strict=True):
        code, out, err = in_shell(["-W", "error", "-c", block.text], copy, copy)
        assert (code, differences(output, out)) == (0, []), err
    for block in blocks(page):
        if block.caption.startswith("tests/"):
            code, out, err = in_shell(["-m", "pytest", "-q", "-p", "no:cacheprovider", block.caption], copy, copy)
            assert code == 0, out + err
        elif block.caption.endswith(".py") and block.kind == "python":
            name = block.caption.removesuffix(".py").replace("/", ".")
            check = f"import doctest, importlib; m = importlib.import_module({name!r}); print(m.__file__)"
            code, out, err = in_shell(["-c", f"{check}; assert not doctest.testmod(m).failed"], copy, copy)
            assert code == 0, out + err
            assert out.strip().startswith(str(copy))


def test_a_diff_without_its_place_is_an_error():
    assert edited("a\nb\n", " a\n+x\n") == "a\nx\nb\n"
    with pytest.raises(AssertionError, match="0 places"):
        edited("a\nb\n", " c\n+x\n")
    with pytest.raises(AssertionError, match="2 places"):
        edited("a\na\n", " a\n+x\n")
