"""What README and the docs print is what a reader gets: every block of Python is run, page by page, as one session."""

import pytest
from matplotlib.image import imread
from pages import PAGES, ROOT, differences, in_shell, scripts

END = "-- end of block --"
SESSIONS = {name: scripts(page) for name, page in PAGES.items() if scripts(page)}


@pytest.mark.parametrize("name", SESSIONS)
def test_python_on_a_page_prints_what_the_page_says(name, tmp_path):
    texts, printed = zip(*SESSIONS[name], strict=True)
    session = tmp_path / "session.py"
    session.write_text("\n".join(f"{text}\nprint({END!r})" for text in texts))
    code, out, err = in_shell(["-W", "error", session], tmp_path)
    assert code == 0, err
    found = out.split(END + "\n")[: len(texts)]
    assert [
        d for want, got in zip(printed, found, strict=True) if want is not None for d in differences(want, got)
    ] == []


def test_every_page_that_shows_python_is_here():
    assert len(SESSIONS) >= 6
    assert sum(out is not None for session in SESSIONS.values() for _, out in session) >= 6


@pytest.mark.parametrize(
    ("printed", "found", "same"),
    [
        ("p* <= 16.39913222 (gap 3e-07)", "p* <= 16.39913229 (gap 9e-08)", True),
        ("p* <= 16.39913222", "p* <= 16.39999222", False),
        ("7 neurons in 0.32 s", "7 neurons in 9.1 s", True),
        ("7 neurons", "8 neurons", False),
        ("True", "False", False),
        ("a\n…\nz", "a\nb\nc\nz", True),
        ("a\n…\nz", "a\nb\nc\ny", False),
        ("a", "a\nb", False),
    ],
)
def test_the_comparison_can_fail(printed, found, same):
    assert (differences(printed, found) == []) is same


@pytest.mark.slow
def test_the_figure_is_drawn_by_its_script(tmp_path):
    code, _, err = in_shell(["-W", "error", ROOT / "docs" / "figures" / "floor.py", tmp_path / "floor.png"], tmp_path)
    assert code == 0, err
    drawn, kept = (imread(file) for file in (tmp_path / "floor.png", ROOT / "docs" / "figures" / "floor.png"))
    assert drawn.shape == kept.shape
    assert abs(drawn - kept).mean() < 0.02  # the same figure, up to the rounding of training
