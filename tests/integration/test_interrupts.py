"""A real Ctrl-C at a random moment of each front door: it leaves at once, as Interrupted, with a valid result."""

import json
import random
import subprocess
import sys
import textwrap

import pytest

SCRIPT = textwrap.dedent(
    """
    import json, os, signal, sys, threading, time
    import numpy as np
    import relucvx as rx

    door, delay = sys.argv[1], float(sys.argv[2])
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 6)), rng.standard_normal(60)
    Y = rng.standard_normal((60, 3))
    large = rng.standard_normal((300, 8)), rng.standard_normal(300)
    rx.solve(X[:10, :2], y[:10], 0.1)
    solved = rx.solve(X[:14, :3], y[:14], 0.3, tol=1e-10)
    network = rx.solve(X, y, 1.0, time_limit=0.3).network
    rx.beta_band(X[:10, :2], y[:10], 1.0, 2.0, tol=0.1)


    def loop(once):
        while True:
            once()


    doors = {
        "solve": lambda: loop(lambda: rx.solve(X, y, 0.02)),
        "several outputs": lambda: loop(lambda: rx.solve(X, Y, 0.02)),
        "interpolate": lambda: loop(lambda: rx.interpolate(X, y)),
        "several exact outputs": lambda: loop(lambda: rx.interpolate(X, Y)),
        "beta_path": lambda: loop(lambda: list(rx.beta_path(X, y, [1.0, 0.3, 0.1, 0.03]))),
        "beta_band": lambda: loop(lambda: rx.beta_band(X, y, 0.01, 1.0, tol=1e-6)),
        "beta_max": lambda: loop(lambda: rx.beta_max(*large)),
        "certify": lambda: loop(lambda: rx.certify(network, X, y, 0.1)),
        "optimal_set": lambda: loop(lambda: rx.optimal_set(solved)),
    }
    pressed = []


    def press():
        time.sleep(delay)
        pressed.append((time.perf_counter(), time.process_time()))
        os.kill(os.getpid(), signal.SIGINT)


    threading.Thread(target=press, daemon=True).start()
    try:
        doors[door]()
    except rx.Interrupted as stop:
        wall, cpu = time.perf_counter() - pressed[0][0], time.process_time() - pressed[0][1]
        result = stop.result
        out = {"wall": wall, "cpu": cpu, "kind": type(result).__name__}
        if isinstance(result, rx.Solution):
            certificate = result.certificate
            out |= {"status": result.status.name, "bounds": [certificate.lower, certificate.upper]}
        elif isinstance(result, tuple):
            out["bounds"] = list(result)
        elif isinstance(result, rx.BetaBand):
            out |= {"status": result.status.name, "bounds": [result.lower(result.hi), result.upper(result.hi)]}
        elif hasattr(result, "verdict"):
            out["status"] = result.verdict.name
        elif result is not None:
            out["bounds"] = [result.lower, result.upper]
        print(json.dumps(out))
    """
)
DOORS = (
    "solve",
    "several outputs",
    "interpolate",
    "several exact outputs",
    "beta_path",
    "beta_band",
    "beta_max",
    "certify",
    "optimal_set",
)
KINDS = {"beta_band": "BetaBand", "beta_max": "tuple", "certify": "Certificate", "optimal_set": "OptimalSet"}


def pressed(door: str, delay: float) -> dict:
    """What an interpreter of its own says about Ctrl-C so many seconds into a door."""
    command = [sys.executable, "-c", SCRIPT, door, str(delay)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def check(door: str, delay: float) -> dict:
    found = pressed(door, delay)
    assert found["kind"] == KINDS.get(door, "Solution")
    if found["kind"] == "Solution":
        assert found["status"] == "INTERRUPTED"
    if "bounds" in found:
        lower, upper = found["bounds"]
        assert 0.0 <= lower <= upper
    return found


LOOPS_LATER = ("optimal_set", "several exact outputs", "several outputs", "beta_band", "beta_path")
"""Among the slow tests: their work is interrupted in the same places as that of the others."""


@pytest.mark.parametrize("door", [pytest.param(d, marks=[pytest.mark.slow] if d in LOOPS_LATER else []) for d in DOORS])
def test_a_loop_around_a_door_ends_at_ctrl_c(door):
    found = check(door, random.Random(door).uniform(0.2, 1.0))
    assert found["cpu"] < 5.0


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_at_many_moments_within_two_seconds(door):
    draw = random.Random(door)
    for _ in range(8):
        found = check(door, draw.uniform(0.0, 4.0))
        assert found["wall"] < 2.0
