"""After a warm-up nothing is left to be compiled, in this process and in later ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import relucvx as rx
from relucvx.warmup import STEPS

GALLERY = """
import sys
import numpy as np
import torch
import relucvx as rx
from relucvx.compiled import KERNELS

def compiled():
    return sum(sum(k.stats.cache_misses.values()) for k in KERNELS)

if sys.argv[1] == "warm":
    print(rx.warm_up().compiled > 0)
before = compiled()
rng = np.random.default_rng(1)
X, y, Y = rng.standard_normal((12, 3)), rng.standard_normal(12), rng.standard_normal((12, 2))
for bias in ("none", "hidden", "all", "free"):
    solution = rx.solve(X, y, 0.5, bias=bias, tol=1e-3)
rx.solve(X[:, :2], Y, 0.9, tol=1e-2)
rx.solve(X, np.sign(y), 0.5, loss="hinge", tol=1e-2)
rx.solve(X[:, :2], y, 0.5, solver="conic")
rx.solve(X.reshape(4, 3, 3), y[:4], 0.5, pooling="mean", tol=1e-2)
rx.certify(solution.network, X, y, 0.5, bias="free")
rx.beta_max(X, np.sign(y), loss="hinge")
rx.beta_max(X, y, loss="absolute")
rx.optimal_set(rx.solve(X, y, 0.5))
rx.optimal_set(rx.solve(X[:, :2], Y, 0.9, tol=1e-10))
rx.interpolate(X[:5], y[:5])
rx.interpolate(X[:5], Y[:5])
rx.solve_parallel(X[:5, :1], y[:5], 0.5, bias="hidden", tol=1e-2)
rx.enumerate_patterns(X)
rx.sample_patterns(X, 50, rng=0)
layer = torch.nn.Linear
deep = torch.nn.Sequential(layer(3, 5), torch.nn.ReLU(), layer(5, 5), torch.nn.ReLU(), layer(5, 1))
for network in (rx.solve(X, y, 0.5).network, deep):
    rx.metrics.line_regions(network, X[0], X[1])
    rx.metrics.folding(network, X[0], X[1])
    rx.metrics.slice_regions(network, X[:3])
    rx.metrics.class_folding(network, X, y > 0, n_pairs=5, rng=0)
rx.metrics.graph_convexity(X, y > 0, k=3, rng=0)
print(compiled() - before)
"""


def process(cache, *args):
    """Standard output and standard error of the gallery in a process of its own."""
    path = str(Path(rx.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": path, "NUMBA_CACHE_DIR": str(cache)}
    out = subprocess.run(
        [sys.executable, "-c", GALLERY, *args], env=env, capture_output=True, text=True, timeout=900, check=False
    )
    assert out.returncode == 0, out.stderr
    return out.stdout.split(), out.stderr


@pytest.mark.slow
def test_nothing_is_left_to_be_compiled(tmp_path):
    assert process(tmp_path, "warm") == (["True", "0"], "")
    assert process(tmp_path, "later") == (["0"], "")


def test_the_second_time_there_is_nothing_to_do():
    rx.warm_up()
    again = rx.warm_up()
    assert again.compiled == 0
    assert again.loaded >= 20
    assert str(again).startswith(f"all {again.loaded} kernels are there")
    assert again.to_dict()["folder"] == again.folder


def test_a_callback_hears_of_each_step_and_may_stop():
    heard = []

    def callback(name, number, total):
        heard.append((name, number, total))
        return number == 1

    rx.warm_up(callback)
    assert heard == [(name, k, len(STEPS)) for k, name in enumerate(list(STEPS)[:2])]


def test_what_it_says_of_a_cache_that_is_not_kept():
    done = rx.WarmUp(compiled=3, loaded=1, folder=None, seconds=2.0)
    assert (
        str(done)
        == "3 kernels compiled, 1 were there (2.0 s); not kept: set NUMBA_CACHE_DIR to a folder that can be written"
    )
