"""Timing that survives a busy machine: one thread, contenders interleaved A B A B, medians, paired ratios.

Every script calls :func:`arguments` first, which restarts it with its threads pinned. CPU seconds are the figure to
read: with one thread they equal wall seconds on an idle machine, and another process disturbs them least.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "RAYON", "VECLIB_MAXIMUM")
ENOUGH = 60.0
"""CPU seconds after which a contender is not run again: repeats are for noise, and long runs have little."""


def pinned() -> dict[str, str]:
    """The environment variables that pin numerical libraries to one thread."""
    return {f"{name}_NUM_THREADS": "1" for name in THREADS}


def arguments(doc: str | None, *extra: tuple[str, dict[str, Any]], argv: Sequence[str] | None = None) -> Any:
    """Parse ``--quick --repeats --out`` and extra options; restart with pinned threads when they are not."""
    if any(os.environ.get(key) != value for key, value in pinned().items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **pinned()})
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a toy problem, once: does the script work?")
    parser.add_argument("--repeats", type=int, default=3, help="interleaved repeats (default 3)")
    parser.add_argument("--out", type=Path, default=None, help="JSON file (default benchmarks/results/SCRIPT.json)")
    for name, options in extra:
        parser.add_argument(name, **options)
    args = parser.parse_args(argv)
    args.repeats = 1 if args.quick else args.repeats
    return args


@dataclass
class Timing:
    """Seconds of each repeat of one contender, and what each returned."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)

    def add(self, wall: float, cpu: float, result: Any) -> None:
        """Append one repeat."""
        self.wall.append(wall)
        self.cpu.append(cpu)
        self.results.append(result)

    @property
    def last(self) -> Any:
        """What the last repeat returned."""
        return self.results[-1]

    @property
    def seconds(self) -> float:
        """Median CPU seconds."""
        return statistics.median(self.cpu)


def timed(function: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall seconds, CPU seconds, result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def interleave(contenders: dict[str, Callable[[], Any]], repeats: int) -> dict[str, Timing]:
    """Run A B A B …; a contender that needs more than ENOUGH seconds is not repeated."""
    timings = {name: Timing() for name in contenders}
    for _ in range(repeats):
        for name, function in contenders.items():
            timing = timings[name]
            if timing.cpu and max(timing.cpu) > ENOUGH:
                continue
            timing.add(*timed(function))
    return timings


@dataclass
class Ratio:
    """How many times longer the slower side took: median over paired repeats, with the least and the most."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        if math.isnan(self.median):
            return "-"
        if self.least == self.most:
            return f"{self.median:.3g}"
        return f"{self.median:.3g} ({self.least:.3g}-{self.most:.3g})"


def ratio(slow: Sequence[float], fast: Sequence[float]) -> Ratio:
    """Ratio slow/fast of paired repeats; where one side stopped repeating, its median stands in for the rest."""
    if not slow or not fast:
        return Ratio(math.nan, math.nan, math.nan)
    count = max(len(slow), len(fast))
    above = [*slow, *[statistics.median(slow)] * (count - len(slow))]
    below = [*fast, *[statistics.median(fast)] * (count - len(fast))]
    values = [a / b if b > 0 else math.inf for a, b in zip(above, below, strict=True)]
    return Ratio(statistics.median(values), min(values), max(values))


def relative(value: float, reference: float) -> float:
    """(value - reference) / |reference|; 0 when both are 0."""
    if value == reference:
        return 0.0
    return (value - reference) / abs(reference) if reference else math.copysign(math.inf, value)


def warm_up() -> float:
    """Compile or load every kernel on a toy problem, so that no timed run pays for it; returns the CPU seconds."""
    import numpy as np

    import relucvx as rx

    def touch() -> None:
        rng = np.random.default_rng(0)
        for shape, bias in (((12, 2), "none"), ((20, 3), "hidden"), ((30, 4), "none")):
            X, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
            rx.solve(X, y, 0.1 * rx.beta_max(X, y, bias=bias)[1], bias=bias)
            rx.enumerate_patterns(X)

    return timed(touch)[1]


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""

    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells) + " |"

    return "\n".join([line(headers), "|" + "---|" * len(headers), *map(line, rows)])


def save(script: str, args: Any, rows: list[dict[str, Any]], **about: Any) -> str:
    """Write rows with the versions that made them and say where; quick runs write only where ``--out`` says."""
    if args.quick and args.out is None:
        return "Not written (quick)"
    path = args.out or RESULTS / f"{Path(script).stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"script": Path(script).name, "quick": args.quick, "repeats": args.repeats, "versions": _versions()}
    path.write_text(json.dumps({**record, **about, "rows": rows}, indent=1, default=_plain) + "\n")
    return f"Written to {path.name}"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("relucvx", "numpy", "scipy", "numba", "cvxpy", "clarabel", "scs"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Ratio):
        return asdict(value)
    return value.item() if hasattr(value, "item") else str(value)
