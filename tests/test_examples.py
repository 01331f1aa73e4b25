"""What the README prints and what the examples do, run as a reader would run them."""

import importlib.util
import os
import re
import shlex
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
    printed = run(str(script), *(["--quick"] if takes_options(script) else [])).strip()
    assert printed
    if script.stem == "10_tunnel":  # whose quick networks are at chance
        verdicts = printed.split("\n\n")[-1].splitlines()
        assert len(verdicts) >= 10
        assert all(line.startswith("undecided: premise not met (accuracy 0.") for line in verdicts)


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


QUICK = ("patterns", "solve", "certify")
"""Verbs of the README's commands that take seconds."""


def commands():
    """The README's commands as printed, as words after ``relucvx``."""
    lines = [line for block in blocks("sh") for line in block.splitlines() if "relucvx " in line]
    return [shlex.split(line, comments=True)[line.split("relucvx ")[0].count(" ") + 1 :] for line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands run, one after the other: with a table of prices, in units as people have them."""
    here, rng = tmp_path_factory.mktemp("readme"), np.random.default_rng(0)
    rows = np.column_stack([rng.uniform(30, 200, 40), rng.integers(1, 7, 40), rng.uniform(0, 30, 40)]).round(1)
    prices = 3000 * rows[:, 0] - 20_000 * np.maximum(rows[:, 2] - 10, 0) / 10 + rng.normal(0, 9000, 40)
    text = "area,rooms,distance,price\n" + "\n".join(
        ",".join(map(str, row)) for row in np.column_stack([rows, prices.round(-2)])
    )
    (here / "data.csv").write_text(text + "\n")
    return here


def in_shell(words, folder):
    """A command as a user runs it in a folder: exit code, output, errors."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "relucvx", *words], cwd=folder, env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_readme_has_commands_of_every_verb():
    assert {words[0] for words in commands()} >= {
        "compare", "train", "verify", "solve", "certify", "path", "patterns", "profile", "regions",
    }  # fmt: skip


def test_the_readmes_quick_commands_exit_0_as_printed(folder):
    for words in [words for words in commands() if words[0] in QUICK]:
        code, out, err = in_shell(words, folder)
        assert (code, bool(out.strip())) == (0, True), (words, err)


@pytest.mark.slow
@pytest.mark.parametrize("words", [words for words in commands() if words[0] not in QUICK], ids=" ".join)
def test_the_readmes_long_commands_exit_0_as_printed(words, folder):
    code, out, err = in_shell(words, folder)
    assert (code, bool(out.strip())) == (0, True), err
    named = [words[k + 1] for k, word in enumerate(words) if word in ("--html", "--out", "--plot")]
    assert all((folder / name).stat().st_size for name in named)


@pytest.fixture(scope="module")
def shared():
    """The module that the examples share."""
    spec = importlib.util.spec_from_file_location("digits_nets", ROOT / "examples" / "digits_nets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_claim_whose_premise_is_not_met_is_undecided(shared, capsys):
    claims = [(True, "the tunnel begins early", True), (False, "the rank falls", True)]
    shared.conclude(shared.given([shared.learnt([0.9, 0.95], chance=0.1)], claims), quick=True)
    assert capsys.readouterr().out.split("\n")[1:3] == [
        "holds: the tunnel begins early", "does not reproduce: the rank falls",
    ]  # fmt: skip
    undecided = shared.given([(True, "enough data"), shared.learnt([0.113], chance=0.1)], claims)
    shared.conclude(undecided, quick=True)
    said = capsys.readouterr().out.strip().split("\n")
    assert said[0] == "undecided: premise not met (accuracy 0.113, at least 0.55 needed): the tunnel begins early"
    assert all(line.startswith("undecided: premise not met") for line in said)
    with pytest.raises(AssertionError, match="the tunnel begins early"):
        shared.conclude(undecided, quick=False)  # a full run that cannot tell has not found what it says


def test_a_premise_that_cannot_be_measured_is_not_met(shared):
    assert not shared.learnt([np.nan, 0.9], chance=0.1)[0]


@pytest.mark.parametrize("script", [s for s in EXAMPLES if takes_options(s)], ids=lambda p: p.stem)
def test_every_example_with_verdicts_states_premises(script):
    source = script.read_text()
    assert "conclude(" in source
    assert "given(" in source
