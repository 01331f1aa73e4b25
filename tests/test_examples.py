"""What the examples do, run as a reader would run them."""

import importlib.util
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


def test_there_are_examples():
    assert len(EXAMPLES) >= 4


def takes_options(script):
    """Whether the example is one of those, from 06 on, that know --quick and --plot."""
    return int(script.stem[:2]) >= 6


# the quick runs of the long ones take ten seconds each and more: two of them stand for all in the default run
LONG = {f"{number:02d}" for number in (6, 7, 8, 9, 10, 11, 12, 15, 17, 18, 19, 20)}


@pytest.mark.parametrize(
    "script",
    [pytest.param(s, id=s.stem, marks=[pytest.mark.slow] if s.stem[:2] in LONG else []) for s in EXAMPLES],
)
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


def test_what_figures_leave_open_is_undecided(shared):
    assert (shared.told(0.1, 0.2), shared.told(-0.2, -0.1), shared.told(-0.1, 0.2)) == (True, False, None)
    assert (shared.unanimous([1, 2]), shared.unanimous([-1, 0]), shared.unanimous([1, -1])) == (True, False, None)
    draws = np.random.default_rng(0).normal(size=20_000)
    assert np.allclose(shared.interval(draws), [-1.96, 1.96], atol=0.05)
    assert np.allclose(shared.interval(draws, 50), [-3.29, 3.29], atol=0.25)
    tests = shared.Tests()
    for value, sign in ((0.5, 1), (0.5, -1), (0.01, 1)):
        tests.add([], "a change", *shared.flipped(value + np.linspace(-0.1, 0.1, 11)), 2.0 / 2**11, sign)
    assert [holds for holds, _, _ in tests.claims()] == [True, False, None]
    tests.add([(False, "too few")], "a change", *shared.flipped([1.0] * 11), 2.0 / 2**11)
    tests.add([], "a change", *shared.flipped([1.0] * 3), 2.0 / 2**3)
    assert [holds for holds, _, _ in tests.claims()][3:] == [None, None]


def test_a_premise_that_cannot_be_measured_is_not_met(shared):
    assert not shared.learnt([np.nan, 0.9], chance=0.1)[0]


@pytest.mark.parametrize("script", [s for s in EXAMPLES if takes_options(s)], ids=lambda p: p.stem)
def test_every_example_with_verdicts_states_premises(script):
    source = script.read_text()
    if "rx.train(" in source or "digits_nets" in source:
        assert "conclude(" in source
        assert "given(" in source or "Tests(" in source  # whose claims take premises
        assert "np.percentile(" not in source, "intervals have one home, which knows the number of claims"
    else:  # certified numbers need no premise; that they say what the text says is asserted
        assert "\nassert " in source
