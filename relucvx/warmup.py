"""Compile or load everything that is compiled, before anybody waits for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from relucvx import metrics
from relucvx._api.ranges import optimal_set
from relucvx._api.solving import certify, solve
from relucvx._api.strengths import beta_max
from relucvx.arrangement import enumerate_patterns
from relucvx.certificate.dual_points.relaxed_program import compile_cover
from relucvx.certificate.optima.caps import compile_caps
from relucvx.compiled import KERNELS, say_nothing
from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.oracle import compile_kernels, dual_norm
from relucvx.oracle.branches import compile_branches
from relucvx.oracle.signed import compile_signed
from relucvx.program import make_problem
from relucvx.progress import Shown, watched
from relucvx.types import Array, Result

torch = later("torch")


@dataclass(frozen=True, repr=False, eq=False)
class WarmUp(Result):
    """What :func:`warm_up` found and did.

    Attributes
    ----------
    compiled, loaded : int
        Pieces of machine code that were made now, and that were in the cache (or in this process) already.
    folder : str or None
        Below which the cache is; None where nothing can be written and each process compiles for itself.
    seconds : float

    Notes
    -----
    Status: a record (no statement). Source: [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> print(rx.WarmUp(compiled=0, loaded=24, folder="/cache", seconds=1.5))
    all 24 kernels are there (1.5 s); kept below /cache
    """

    compiled: int
    loaded: int
    folder: str | None
    seconds: float

    def __str__(self) -> str:
        where = (
            f"kept below {self.folder}"
            if self.folder
            else "not kept: set NUMBA_CACHE_DIR to a folder that can be written"
        )
        if self.compiled == 0:
            return f"all {self.loaded} kernels are there ({self.seconds:.1f} s); {where}"
        return f"{self.compiled} kernels compiled, {self.loaded} were there ({self.seconds:.1f} s); {where}"


def _proofs(_: np.random.Generator) -> None:
    compile_kernels()


def _cover(_: np.random.Generator) -> None:
    compile_cover()


def _differences(_: np.random.Generator) -> None:
    compile_signed()


def _branches(_: np.random.Generator) -> None:
    compile_branches()


def _arrangement(rng: np.random.Generator) -> None:
    enumerate_patterns(rng.standard_normal((7, 3)))
    # so many that they are listed wall by wall
    enumerate_patterns(rng.standard_normal((220, 3)))


def _solver(rng: np.random.Generator) -> None:
    X, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    solution = solve(X, y, 0.5, tol=1e-4)
    certify(solution.network, X, y, 0.5, tol=1e-4)
    dual_norm(make_problem(X, y, 0.5), solution.certificate.dual, method="enumeration")
    optimal_set(solution)
    compile_caps()
    beta_max(X, np.sign(y), loss="hinge")


def _regions(rng: np.random.Generator) -> None:
    X, labels = rng.standard_normal((40, 2)), np.arange(40) % 2
    w, v = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    network = TwoLayerReLU(w, v, bias_in=np.linspace(-0.5, 0.5, 6), bias_out=np.zeros(2))
    _regions_of(network, X, labels)
    metrics.graph_convexity(X, labels, k=3, rng=0)
    metrics.graph_convexity(X, labels, k=3, rng=0, ties="mean")
    metrics.decoding_dimension(X, labels, rng=0)


def _regions_of_torch(rng: np.random.Generator) -> None:
    """Of modules: their weights are not read-only, for which numba compiles once more."""
    widths = (2, 6, 6, 3)
    layers = [part for sizes in pairwise(widths) for part in (torch.nn.Linear(*sizes), torch.nn.ReLU())]
    _regions_of(torch.nn.Sequential(*layers[:-1]), rng.standard_normal((40, 2)), np.arange(40) % 3)


def _regions_of(network: Any, X: Array, labels: Any) -> None:
    metrics.line_regions(network, X[:2], X[2:4])[0].codes.any()
    metrics.class_folding(network, X, labels, n_pairs=4, rng=0)
    metrics.RegionTracker(network, X, labels=labels, mode="lines", n_segments=4, rng=0).record()
    found = metrics.slice_regions(network, X[:3])
    found.locate(found.to_plane(X[:3]))


STEPS: dict[str, Callable[[np.random.Generator], None]] = {
    "proofs": _proofs,
    "points that are easier to prove": _cover,
    "ranges of kernels": _differences,
    "three layers in parallel": _branches,
    "patterns": _arrangement,
    "solve, certify, beta_max, optimal_set": _solver,
    "regions, folding, graph convexity": _regions,
    "regions of torch modules": _regions_of_torch,
}
"""What to do on toy problems, in the order in which a first session needs it."""


def warm_up(callback: Callable[[str, int, int], bool | None] | None = None, progress: Shown = "auto") -> WarmUp:
    """Compile what is not in the cache of machine code yet, and load the rest: nothing is left to be compiled afterwards.

    Kernels are compiled where they are first called, for the processor at hand, and kept between processes: in the package's
    folder, in the user's cache where that cannot be written, or in the folder that the environment variable ``NUMBA_CACHE_DIR``
    names. In an image for many machines run this (or ``relucvx warmup``) where the work will run.

    Parameters
    ----------
    callback : callable, optional
        Called before each step with its name, its number from 0 and how many there are; returning True stops.
    progress : {"auto", True, False}
        As in :func:`relucvx.solve`.

    Returns
    -------
    WarmUp

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> done = rx.warm_up()  # a minute where nothing is compiled yet
    >>> rx.warm_up().compiled
    0
    """
    began, rng = time.perf_counter(), np.random.default_rng(0)
    made_before = _counts()[0]
    say_nothing()  # whoever asks for it need not be told
    with watched("compiling", progress, callback) as told:
        for number, (name, step) in enumerate(STEPS.items()):
            if told is not None and told(name, number, len(STEPS)):
                break
            step(rng)
    folders = [str(kernel.stats.cache_path) for kernel in KERNELS if kernel.stats.cache_path]
    made, there = _counts()
    return WarmUp(
        compiled=made - made_before,
        loaded=there + made_before,
        folder=os.path.commonpath(folders) if folders else None,
        seconds=time.perf_counter() - began,
    )


def _counts() -> tuple[int, int]:
    """Pieces of machine code that this process has made, and that it has loaded."""
    kernels = [kernel.stats for kernel in KERNELS if kernel.py_func.__module__.split(".")[0] == "relucvx"]
    made, there = (
        sum(sum(counts.values()) for counts in found)
        for found in zip(*((k.cache_misses, k.cache_hits) for k in kernels), strict=True)
    )
    return made, there
