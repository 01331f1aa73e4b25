"""Interrupts at random moments: how soon everything has stopped, with which exit code, and what is left behind.

Every run is a process of its own that gets SIGINT or SIGTERM at a random moment after its start. Afterwards: did it end
within two seconds, did a claim that was cut short get a verdict, are its files old or new and readable, does a process run on?

    python benchmarks/interrupts.py --count 50
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOOP = """
import numpy as np, relucvx as rx
data = rx.datasets.get("planted:60x4")
for beta in np.geomspace(5, 0.01, 400):
    rx.solve(data.X, data.Y, beta, tol=1e-9)
"""
"""A user's loop: Ctrl-C must end it, not only the solve that is running."""

OLD = "what was there before"

COMMANDS: dict[str, list[str]] = {
    "verify": ["verify", "--seed", "1", "--out", "{folder}/claims"],
    "verify, 2 processes": ["verify", "--seed", "1", "--jobs", "2", "--json"],
    "compare": ["compare", "diabetes", "--components", "3", "--beta-fraction", "0.003", "--html", "{folder}/a.html"],
    "path": ["path", "diabetes", "--components", "3", "--smallest", "0.003", "--out", "{folder}/path"],
    "loop of solves": [],
    "profile": ["profile", "digits", "--epochs", "8", "--csv", "{folder}/a.csv", "--plot", "{folder}/a.png"],
    "regions": ["regions", "digits", "--epochs", "8", "--width", "96", "--depth", "4", "--plot", "{folder}/b.png"],
}  # fmt: skip


def children(pid: int) -> list[int]:
    """Processes below a process, those of tracking resources left out: they end by themselves."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            words = (entry / "cmdline").read_text()
        except (OSError, IndexError, ValueError):
            continue
        if parent == pid and "resource_tracker" not in words:
            found += [int(entry.name), *children(int(entry.name))]
    return found


def alive(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def readable(file: Path) -> bool:
    """Whether a file is the old one or a whole new one."""
    data = file.read_bytes()
    if data == OLD.encode():
        return True
    if file.suffix == ".npz":
        import relucvx as rx

        rx.load(file) if file.name.startswith("solution") else rx.theory.load_counterexample(file)
        return True
    ends: dict[str, Callable[[], bool]] = {
        ".html": lambda: data.endswith(b"</html>"),
        ".csv": lambda: len({line.count(b",") for line in data.splitlines()}) == 1,
        ".png": lambda: b"IEND" in data[-16:],
    }
    return ends[file.suffix]() if file.suffix in ends else False


def hear() -> None:
    """Ctrl-C is heard as in a terminal, also where this program runs in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def one(name: str, moment: float, number: int, folder: Path) -> dict[str, Any]:
    """Interrupt one run."""
    words = [w.format(folder=folder) for w in COMMANDS[name]]
    for w in words:
        if Path(w).suffix in (".html", ".csv", ".png"):
            Path(w).write_text(OLD)
    command = [sys.executable, "-m", "relucvx", *words] if words else [sys.executable, "-c", LOOP]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=hear, **pipes) as running:
        time.sleep(moment)
        below = children(running.pid)
        ended = running.poll() is not None
        began = time.perf_counter()
        if not ended:
            running.send_signal(number)
        out, err = running.communicate()
        seconds = time.perf_counter() - began
    while any(alive(pid) for pid in below) and time.perf_counter() - began < 60:
        time.sleep(0.02)
    gone = time.perf_counter() - began
    lines = out.splitlines()
    verdicts = [line for line in lines if "UNEXPECTED" in line]
    if "--json" in words and out.strip().startswith("["):
        verdicts = [r["claim"] for r in json.loads(out) if not r["as_expected"] and r["verdict"] != "INTERRUPTED"]
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {
        "name": name, "moment": moment, "signal": signal.Signals(number).name, "ended": ended, "seconds": seconds,
        "gone": gone if below else seconds, "code": running.returncode, "verdicts": verdicts,
        "torn": [str(f) for f in files if not readable(f)], "said": "INTERRUPTED" in out + err or "Interrupt" in err,
        "traceback": "Traceback" in err and bool(words), "last": (err.strip().splitlines() or [""])[-1][:100],
    }  # fmt: skip


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--earliest", type=float, default=0.5, help="seconds after the start of a process")
    parser.add_argument("--latest", type=float, default=15.0)
    chosen = parser.parse_args()
    rng, names = random.Random(chosen.seed), list(COMMANDS)
    rows = []
    for k in range(chosen.count):
        name = names[k % len(names)]
        number = signal.SIGTERM if name != "loop of solves" and rng.random() < 0.4 else signal.SIGINT
        with tempfile.TemporaryDirectory() as folder:
            row = one(name, rng.uniform(chosen.earliest, chosen.latest), number, Path(folder))
        rows.append(row)
        print(
            f"{row['name']:<20} {row['signal']:<8} at {row['moment']:5.1f} s: stopped in {row['seconds']:5.2f} s, "
            f"all gone in {row['gone']:5.2f} s, code {row['code']:>3}{' (had ended)' if row['ended'] else ''}"
            f"{' VERDICT FROM CUT WORK' if row['verdicts'] else ''}{' TORN FILE' if row['torn'] else ''}"
            f"{' traceback' if row['traceback'] else ''}  {row['last']}",
            flush=True,
        )
    hit = [row for row in rows if not row["ended"]]
    times = sorted(row["gone"] for row in hit)
    print(f"\n{len(hit)} of {len(rows)} were still running; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"time to stop: median {times[len(times) // 2]:.2f} s, worst {times[-1]:.2f} s")
    print(f"within 2 s: {sum(t <= 2 for t in times)} of {len(times)}")
    print(f"verdicts from cut work: {sum(bool(row['verdicts']) for row in rows)}")
    print(f"torn files: {sum(bool(row['torn']) for row in rows)}")
    print(f"exit codes: {sorted((row['name'], row['code']) for row in hit)}")


if __name__ == "__main__":
    main()
