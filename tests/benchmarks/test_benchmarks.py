"""The harness's own arithmetic, and every script in its quick mode on a toy problem (no peer needed)."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
LONG = (
    "solvers", "against_pyscnn", "lines",
    "limits", "slices", "kernels", "oracle", "workers", "sizes", "honesty", "structured", "batched_training", "bands",
    "phase_diagrams", "accuracy", "sweeps", "nulls", "explained", "recordings", "running",
)  # fmt: skip
SCRIPTS = (
    "enumeration", "graph_convexity", "alignment", "starting",
    *(pytest.param(name, marks=pytest.mark.slow) for name in LONG),
)  # fmt: skip


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_harness", FOLDER / "harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_ratio_pairs_repeats(harness: ModuleType) -> None:
    found = harness.ratio([2.0, 30.0, 8.0], [1.0, 3.0, 2.0])
    assert (found.median, found.least, found.most) == (4.0, 2.0, 10.0)
    assert str(found) == "4 (2-10)"


def test_ratio_fills_a_side_that_stopped_repeating_with_its_median(harness: ModuleType) -> None:
    found = harness.ratio([10.0], [1.0, 2.0, 5.0])
    assert (found.median, found.least, found.most) == (5.0, 2.0, 10.0)


def test_ratio_without_a_side_is_nan_and_never_reached_is_zero(harness: ModuleType) -> None:
    assert math.isnan(harness.ratio([], [1.0]).median)
    assert str(harness.ratio([], [1.0])) == "-"
    assert harness.ratio([3.0], [math.inf]).median == 0.0


def test_relative(harness: ModuleType) -> None:
    assert harness.relative(3.0, 2.0) == 0.5
    assert harness.relative(1.0, -2.0) == 1.5
    assert harness.relative(0.0, 0.0) == 0.0
    assert harness.relative(1.0, 0.0) == math.inf


def test_interleave_alternates_and_stops_repeating_the_slow(harness: ModuleType, monkeypatch) -> None:
    order: list[str] = []

    def run(name: str, seconds: float) -> str:
        order.append(name)
        harness.clock += seconds
        return name

    harness.clock = 0.0
    clock = SimpleNamespace(perf_counter=lambda: harness.clock, process_time=lambda: harness.clock)
    monkeypatch.setattr(harness, "time", clock)
    timings = harness.interleave({"quick": lambda: run("quick", 1.0), "slow": lambda: run("slow", 100.0)}, 3)
    assert order == ["quick", "slow", "quick", "quick"]
    assert timings["quick"].cpu == [1.0, 1.0, 1.0]
    assert timings["slow"].wall == [100.0]
    assert timings["slow"].last == "slow"
    assert timings["quick"].seconds == 1.0


def test_table(harness: ModuleType) -> None:
    assert harness.table(["a", "b"], [["x", 1234.5678]]) == "| a | b |\n|---|---|\n| x | 1.23e+03 |"


def test_quick_runs_do_not_overwrite_measured_results(harness: ModuleType, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    quick = SimpleNamespace(quick=True, out=None, repeats=1)
    assert harness.save("x.py", quick, []) == "Not written (quick)"
    assert not list(tmp_path.iterdir())
    full = SimpleNamespace(quick=False, out=None, repeats=3)
    assert harness.save("x.py", full, [{"ratio": harness.Ratio(2.0, 1.0, 3.0)}]) == "Written to x.json"
    record = json.loads((tmp_path / "x.json").read_text())
    assert record["rows"] == [{"ratio": {"median": 2.0, "least": 1.0, "most": 3.0}}]


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_runs_in_quick_mode(script: str, tmp_path: Path) -> None:
    out = tmp_path / f"{script}.json"
    command = [sys.executable, str(FOLDER / f"{script}.py"), "--quick", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    record = json.loads(out.read_text())
    assert record["quick"] is True
    assert record["rows"]
    assert "|---|" in done.stdout


@pytest.mark.parametrize("script", ["against_pyscnn", "graph_convexity"])
def test_the_peer_must_be_named(script: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / f"{script}.py"), "--out", str(tmp_path / "x.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 1
    assert "--peer-python PATH" in done.stderr
