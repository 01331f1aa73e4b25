"""What the README prints and what the examples do, run as a reader would run them."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))


def run(*args):
    """Standard output of a Python process that must succeed without a warning."""
    command = [sys.executable, "-W", "error", *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocks(kind):
    """Fenced blocks of the README."""
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


def bounds(text):
    """The certified interval in a printed certificate."""
    found = re.search(r"(\S+) <= p\* <= (\S+)", text)
    assert found, text
    return [float(found[1]), float(found[2])]


def test_there_are_examples():
    assert len(EXAMPLES) >= 4


def takes_options(script):
    """Whether the example is one of those, from 06 on, that know --quick and --plot."""
    return int(script.stem[:2]) >= 6


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs(script):
    assert run(str(script), *(["--quick"] if takes_options(script) else [])).strip()


@pytest.mark.slow
@pytest.mark.parametrize("script", [s for s in EXAMPLES if takes_options(s)], ids=lambda p: p.stem)
def test_example_finds_what_it_says(script, tmp_path):
    assert run(str(script), "--plot", str(tmp_path)).strip()
    assert list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("script", [s for s in EXAMPLES if takes_options(s)], ids=lambda p: p.stem)
def test_example_reads_mnists_files(script, tmp_path):
    if "--mnist" not in run(str(script), "--help"):
        pytest.skip("on embedded digits only")
    digits = load_digits()
    pixels, labels = (15 * digits.images).astype(np.uint8).repeat(2, 1).repeat(2, 2), digits.target.astype(np.uint8)
    for part, rows in (("train", slice(1400)), ("t10k", slice(1400, None))):
        for kind, array in (("images", pixels[rows]), ("labels", labels[rows])):
            head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
            (tmp_path / f"{part}-{kind}-idx{array.ndim}-ubyte").write_bytes(head + array.tobytes())
    assert run(str(script), "--quick", "--mnist", str(tmp_path)).strip()


def test_readme_prints_what_it_says():
    (script,) = blocks("python")
    printed = blocks("text")[1]
    found = run("-c", script)
    assert bounds(found) == pytest.approx(bounds(printed), rel=2e-6)
    assert found.splitlines()[-1] == printed.splitlines()[-1] == "True"


@pytest.mark.slow
def test_the_readmes_first_command_prints_what_it_says(tmp_path):
    command = blocks("sh")[0].split("relucvx ", 1)[1].split()
    printed = blocks("text")[0]
    found = run("-m", "relucvx", *(str(tmp_path / word) if word.endswith(".html") else word for word in command))
    assert bounds(found) == pytest.approx(bounds(printed), rel=2e-6)
    assert [line.split(":")[0] for line in found.splitlines()[2:12]] == [
        line.split(":")[0] for line in printed.splitlines()[2:12]
    ]  # claims and verdicts
    assert (tmp_path / command[-1]).read_text().startswith("<!DOCTYPE html>")


def test_readme_commands_exist():
    commands = [
        line.split("relucvx ", 1)[1] for block in blocks("sh") for line in block.splitlines() if "relucvx " in line
    ]
    assert len(commands) >= 5
    for command in commands:
        words = command.split("#")[0].split()
        shown = run("-m", "relucvx", words[0], "--help")
        assert all(word in shown for word in words if word.startswith("--"))
