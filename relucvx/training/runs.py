"""What training returns: one record per seed, and all of them together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.network.deep import DeepNetwork
from relucvx.network.pooled import PooledReLU
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import Array, Explained, Result, freeze

figures = later("relucvx.metrics.figures")


class RunStatus(Explained):
    """How training of one seed stopped. None of these proves anything about the optimum.

    Status: a convention (names, no statement). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> runs = rx.train([[1.0], [2.0]], [1.0, 2.0], 0.5, width=2, seeds=[0], max_steps=1)
    >>> runs.best.status.name, runs.best.status.help
    ('STEP_LIMIT', 'the step limit was reached first')
    """

    STATIONARY = "the relative gradient is at or below the tolerance: a stationary point, optimal or not"
    STALLED = "no step makes progress any more, yet the gradient is above the tolerance: often an optimum on a kink"
    STEP_LIMIT = "the step limit was reached first"
    DIVERGED = "the objective left the finite numbers; the best point before that is returned (try a smaller step)"
    TIME_LIMIT = "the time limit was reached first; the best point so far is returned"
    INTERRUPTED = "stopped by Ctrl-C or by the callback; the best point so far is returned"


@dataclass(frozen=True)
class TrainingProgress:
    """What a callback sees; returning True from it stops training cleanly.

    Attributes
    ----------
    step : int
        Steps (L-BFGS: evaluations) so far.
    max_steps : int
        Their limit.
    active : int
        Seeds still training.
    finished : int
        Seeds done.
    best : float
        Lowest objective of any seed so far, in the training dtype; inf before the first finite one.
    seconds : float
        Wall seconds since training began.

    Notes
    -----
    Status: a convention (what is done so far). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> seen = []
    >>> def stop_soon(progress):
    ...     seen.append(progress.step)
    ...     return progress.best < 1.0
    ...
    >>> runs = rx.train([[1.0], [2.0]], [1.0, 2.0], 0.5, width=2, seeds=[0], callback=stop_soon)
    >>> len(seen) > 0, runs.best.objective < 1.0
    (True, True)
    """

    step: int
    max_steps: int
    active: int
    finished: int
    best: float
    seconds: float

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a progress bar shows: a text, and the share of the steps."""
        best = f", best objective {self.best:.8g}" if self.best < math.inf else ""
        return f"{self.finished} of {self.active + self.finished} done{best}", self.step / max(self.max_steps, 1)


@dataclass(frozen=True, repr=False, eq=False)
class Run(Result):
    """One trained network.

    Attributes
    ----------
    seed : int
        Seed of its initial weights (and of its minibatches).
    network : TwoLayerReLU, PooledReLU or DeepNetwork
        TwoLayerReLU for two layers with a piecewise linear activation.
    objective : float
        Of ``network``, in float64, whatever the training dtype.
    stationarity : float
        ||∇P|| / (||∇loss|| + ||beta theta||) at ``network``, in float64; 0 is stationary, 1 nothing cancels.
    steps : int
        Optimizer steps.
    seconds : float
        Wall seconds from the start of its program to the end of this run; runs in one batch share them.
    status : RunStatus
        How it stopped.
    history : dict of arrays
        ``step``, ``objective`` (training dtype), with ``p_star`` given ``gap`` and ``rel_gap``, and what was recorded.

    Notes
    -----
    Status: a record of what :func:`train` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> run = rx.train([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], 1.0, width=4, seeds=[0]).runs[0]
    >>> run.seed, run.network.width, round(run.objective, 6)
    (0, 4, 1.8)
    >>> bool(run.history["objective"][0] > run.objective)
    True
    """

    seed: int
    network: TwoLayerReLU | PooledReLU | DeepNetwork
    objective: float
    stationarity: float
    steps: int
    seconds: float
    status: RunStatus
    history: dict[str, Array]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "history", {name: freeze(value) for name, value in self.history.items()})

    def facts(self) -> dict[str, Any]:
        """How it ended, and the network."""
        names = ("seed", "objective", "stationarity", "steps", "seconds", "status", "network")
        return {name: getattr(self, name) for name in names}

    def plot(self, ax: Any = None, *, floor: float | None = None) -> Any:
        """Draw the objective over the steps, as :meth:`Runs.plot` does; returns the axes."""
        return _curves([self], ax, floor)

    def __repr__(self) -> str:
        return (
            f"Run(seed={self.seed}, objective={self.objective:.9g}, stationarity={self.stationarity:.1e}, "
            f"steps={self.steps}, {self.status.name})"
        )


@dataclass(frozen=True, repr=False, eq=False)
class Runs(Result):
    """All trained networks, in the order of the seeds.

    Attributes
    ----------
    runs : tuple of Run
        One per seed.
    optimizer : str
        Name of the optimizer.
    seconds : float
        Wall seconds of all of training.

    Notes
    -----
    Status: a record of what :func:`train` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> runs = rx.train([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], 1.0, width=4, seeds=range(3))
    >>> len(runs), runs.objectives.round(4).tolist(), runs.seeds
    (3, [1.8, 1.8, 1.8], (0, 1, 2))
    >>> runs.share_within(1.8, rel_tol=1e-4)  # of the runs, this share reaches the optimum
    1.0
    """

    runs: tuple[Run, ...]
    optimizer: str
    seconds: float

    @property
    def objectives(self) -> Array:
        """Final objectives, one per seed."""
        return np.array([run.objective for run in self.runs])

    @property
    def best(self) -> Run:
        """The run with the lowest final objective."""
        return self.runs[int(np.argmin(self.objectives))]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in order."""
        return tuple(run.seed for run in self.runs)

    def share_within(self, value: float, rel_tol: float = 1e-6) -> float:
        """Share of runs whose objective is at most ``value·(1 + rel_tol)``, e.g. of an optimum ``value``."""
        return float(np.mean(self.objectives <= value + rel_tol * abs(value)))

    def facts(self) -> dict[str, Any]:
        """How many there are, and the best of them."""
        ended = Counter(run.status.name for run in self.runs)
        return {
            "runs": len(self), "optimizer": self.optimizer, "seconds": self.seconds, "best objective": self.best.objective,
            "best seed": self.best.seed, "stopped": dict(ended),
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per seed, without networks and histories."""
        names = ("seed", "objective", "stationarity", "steps", "seconds")
        return ({**{n: getattr(run, n) for n in names}, "status": run.status.name} for run in self.runs)

    def plot(self, ax: Any = None, *, floor: float | None = None) -> Any:
        """Draw the objective of every run over its steps, the best one strongest; returns the axes.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones are made without.
        floor : float, optional
            A certified lower bound (``sol.lower``), which no network falls below; drawn as a line.
        """
        return _curves(self.runs, ax, floor)

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Any:
        return iter(self.runs)

    def __getitem__(self, index: int) -> Run:
        return self.runs[index]

    def __repr__(self) -> str:
        return f"Runs({len(self.runs)} seeds, {self.optimizer}, best objective {self.best.objective:.9g})"


def _curves(runs: Sequence[Run], ax: Any, floor: float | None) -> Any:
    """Objectives over steps, on axes that are logarithmic where all is positive."""
    ax = figures.axes_or_new(ax)
    best = min(runs, key=lambda run: run.objective)
    for run in runs:
        # from 1 on, for the logarithm
        steps = np.asarray(run.history["step"], dtype=float) + 1.0
        name, strong = (f"seed {run.seed}, {run.objective:.6g}", 1) if run is best else (None, 0)
        colour = figures.COLOURS[strong]
        ax.plot(
            steps, run.history["objective"], color=colour, lw=(0.9, 1.8)[strong], alpha=(0.45, 1.0)[strong], label=name
        )
    if floor is not None:
        ax.axhline(floor, color=figures.COLOURS[2], lw=1.4, ls="--", label=f"floor, {floor:.6g}")
    ax.set_xscale("log")
    if min(float(np.min(run.history["objective"])) for run in runs) > 0.0 and (floor is None or floor > 0.0):
        ax.set_yscale("log")
    ax.set_xlabel("step + 1")
    ax.set_ylabel("objective")
    ax.legend(frameon=False, fontsize="small")
    return figures.tidy(ax)
