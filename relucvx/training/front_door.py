"""The front door of gradient training."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import numpy as np
import torch

from relucvx.conversion import as_number
from relucvx.datasets.preparation import Preparation
from relucvx.deadline import Deadline
from relucvx.errors import Interrupted, InvalidInputError, UnsupportedError, explain
from relucvx.executors import as_executor
from relucvx.interrupts import interruptible
from relucvx.losses import Loss
from relucvx.network import SmoothActivation, resolve_activation
from relucvx.program.posing import ProblemOptions, as_problem, refuse_unknown
from relucvx.program.problem import Problem
from relucvx.program.scale import warned_of_scale
from relucvx.progress import Shown, watched
from relucvx.threads import as_jobs, using_jobs
from relucvx.training.apart import train_apart
from relucvx.training.batched import Callback, Outcome, train_batched
from relucvx.training.losses import as_torch_loss
from relucvx.training.objective import BatchedObjective, Shape
from relucvx.training.optimizers import SGD, Optimizer, OptimizerOptions, as_optimizer
from relucvx.training.recording import History, make_recorders
from relucvx.training.runs import Run, Runs
from relucvx.training.stepping import Settings, make_schedule
from relucvx.types import Activation, ArrayLike
from relucvx.validation import as_count, as_positive

_TOLERANCES = {"float64": 1e-8, "float32": 1e-4}


class TrainingOptions(OptimizerOptions, total=False):
    """The problem's options, those of an optimizer given by its name, and how training runs.

    Notes
    -----
    Status: heuristic. Source: [relucvx]
    """

    loss: str | Loss
    bias: str | bool
    activation: str | tuple[float, float] | Activation | SmoothActivation
    sample_weight: ArrayLike | None
    pooling: str | ArrayLike | None
    groups: ArrayLike | None
    preparation: Preparation | None
    init_scale: float
    dtype: str
    device: str
    record_every: int
    progress: Shown


@interruptible
def train(
    X: ArrayLike | Problem,
    Y: ArrayLike | None = None,
    beta: float | None = None,
    *,
    width: int | Sequence[int] = 64,
    depth: int = 2,
    seeds: Iterable[int] = range(10),
    optimizer: str | Optimizer = "lbfgs",
    p_star: float | None = None,
    record: Any = None,
    time_limit: float | Deadline | None = None,
    callback: Callback | None = None,
    n_jobs: int | None = None,
    executor: Any = None,
    **options: Unpack[TrainingOptions],
) -> Runs:
    r"""Train networks by gradients on exactly the objective of the convex program, many seeds at once.

    ``min loss(F) + beta/2 Σ_l ||W_l||² [+ beta/2 ||decayed biases||²]``, ``F = phi(... phi(X W_1) ...) W_L``.

    Parameters
    ----------
    X, Y, beta, loss, bias, sample_weight
        As in :func:`relucvx.solve`: a :class:`relucvx.Problem`, or what it is made of. In deep networks "hidden" gives
        every hidden layer a decayed bias, "all" every layer, "free" every layer an undecayed one.
    width : int or sequence of ints
        Hidden units of every hidden layer, or of each.
    depth : int
        Number L >= 2 of weight matrices.
    seeds : iterable of ints >= 0
        One network per seed. A seed fixes its own initial weights and minibatches, whatever else is in the batch.
    activation : str, pair of slopes, Activation or SmoothActivation
        ``"linear"`` makes (deep) linear networks; a problem's own unless given.
    optimizer : Optimizer, or one of "lbfgs", "adam", "gd", "sgd"
        An object such as ``relucvx.training.Adam(learning_rate=0.05)``, or a name with its settings beside it
        (learning_rate, schedule, momentum, batch_size, max_steps, tol).
    p_star : float, optional
        A certified optimum or lower bound; the history then has ``gap`` and ``rel_gap``.
    record : callable, name, sequence, or dict of them, optional
        Further columns of the history; see :func:`relucvx.training.make_recorders`.
    time_limit : float, optional
        Seconds for all seeds together; the best points so far are returned when they run out.
    callback : callable, optional
        Sees a :class:`TrainingProgress`; returning True stops cleanly. Not called with an executor: it is here.
    n_jobs : int, optional
        Threads; None for all cores.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Trains the seeds there, a share on each worker; one that is lost with its worker is trained again.
    init_scale : float
        Weights and hidden biases start as N(0, init_scale²/fan_in), output biases at zero.
    dtype : {"float64", "float32"}
        Of training; networks and final objectives are float64 always.
    device : str
        A torch device such as "cpu" or "cuda".
    record_every : int
        Steps between entries of the history; gd, sgd and Adam also look at stopping and callback only then.
    progress : {"auto", True, False}
        As in :func:`relucvx.solve`.

    Returns
    -------
    Runs
        One :class:`Run` per seed, in their order.

    Raises
    ------
    InvalidInputError
        For options outside the above, or a device that is not there.
    UnsupportedError
        For settings that the optimizer does not have, such as a batch size for L-BFGS.
    Interrupted
        After Ctrl-C, with the runs so far as its ``result``.

    Notes
    -----
    Networks at optima often have samples exactly on a kink; their gradient does not vanish, and L-BFGS ends there as
    STALLED.

    Source: [relucvx].
    Status: heuristic (finds stationary points; certify their distance from the optimum with :func:`relucvx.certify`).

    Examples
    --------
    >>> runs = train([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], beta=1.0, width=4, seeds=range(3))
    >>> round(runs.best.objective, 6)  # the global optimum is 1.8
    1.8
    """
    begin = time.perf_counter()
    # everything is checked before the first tensor is made
    refuse_unknown(options, TrainingOptions)
    problem, phi = _posed(X, Y, beta, options)
    as_torch_loss(problem.loss)
    chosen_optimizer = as_optimizer(optimizer, _part(options, OptimizerOptions))
    widths = _widths(width, depth)
    # beta_max is that of two layers with kinks
    warned_of_scale(problem, *([problem.beta] if isinstance(phi, Activation) and len(widths) == 1 else []))
    _check_bags(problem, widths, phi, chosen_optimizer)
    shape = Shape((problem.n_features, *widths, problem.n_outputs), problem.bias, problem.n_readouts)
    settings = _settings(problem, phi, shape, chosen_optimizer, options, Deadline.of(time_limit))
    chosen, elsewhere, threads = _seeds(seeds), as_executor(executor), as_jobs(n_jobs)
    if elsewhere is not None:
        asked = {"width": width, "depth": depth, "optimizer": optimizer, "p_star": p_star, "record": record, **options}
        asked |= {"progress": False, "time_limit": settings.deadline.seconds()}
        found, stopped = train_apart(elsewhere, train, (X, Y, beta), asked, chosen, 1 if n_jobs is None else threads)
        return _ended(Runs(tuple(found), settings.optimizer, time.perf_counter() - begin), stopped)
    history = History(
        len(chosen),
        make_recorders(record, problem.X if problem.pooling is None else problem),
        None if p_star is None else as_number(p_star, "p_star"),
    )
    bar = watched("training", options.get("progress", "auto"), callback)
    with using_jobs(threads), bar as watch:
        outcomes, stopped = train_batched(settings, chosen, history, watch)
    return _ended(
        Runs(_runs(settings, chosen, outcomes, history), settings.optimizer, time.perf_counter() - begin), stopped
    )


def _ended(runs: Runs, stopped: bool) -> Runs:
    """The runs; after Ctrl-C as the result of what is raised, None where there are none."""
    if stopped:
        raise Interrupted(runs if runs.runs else None)
    return runs


def _check_bags(
    problem: Problem, widths: Sequence[int], phi: Activation | SmoothActivation, optimizer: Optimizer
) -> None:
    """Refuse what is trained on single rows only: deep and smooth networks, and batches of samples."""
    if problem.pooling is None:
        return
    batched = optimizer.get("batch_size", None) is not None or isinstance(optimizer, SGD)
    for bad, what, fix in (
        (len(widths) > 1, f"{len(widths)} hidden layers", "depth=2"),
        (not isinstance(phi, Activation), f"activation {phi.name!r}", 'activation="relu"'),
        (batched, "a batch size", 'optimizer="adam" without one'),
    ):
        if bad:
            raise UnsupportedError(
                explain("two layers, a piecewise-linear activation and all samples for bags of rows", what, "", fix)
            )


def _part(options: TrainingOptions, kind: type) -> Any:
    """The options of one kind."""
    return {name: value for name, value in options.items() if name in kind.__annotations__}


def _posed(X: Any, Y: Any, beta: Any, options: TrainingOptions) -> tuple[Problem, Activation | SmoothActivation]:
    """The problem, and the activation that is trained: a problem itself has none that is smooth."""
    asked: Any = options.get("activation", X.activation if isinstance(X, Problem) else "relu")
    phi, rest = resolve_activation(asked), _part(options, ProblemOptions)
    if isinstance(phi, Activation):
        return as_problem(X, Y, beta, **rest), phi
    rest.pop("activation")
    return as_problem(X, Y, beta, **rest), phi


def _runs(settings: Settings, seeds: Sequence[int], outcomes: Sequence[Outcome], history: History) -> tuple[Run, ...]:
    """Networks, objectives and gradients in float64, whatever the training dtype."""
    exact = BatchedObjective(settings.problem, settings.shape, settings.activation, torch.float64, torch.device("cpu"))
    with torch.no_grad():
        theta = torch.tensor(np.stack([outcome.theta for outcome in outcomes]))
        values, grads = exact.evaluate(theta)
        stationarity = exact.stationarity(theta, grads)
    return tuple(
        Run(
            seeds[k],
            exact.network(theta[k]),
            float(values[k]),
            float(stationarity[k]),
            outcome.steps,
            outcome.seconds,
            outcome.status,
            history.finish(k),
        )
        for k, outcome in enumerate(outcomes)
    )


def _settings(
    problem: Problem, phi: Activation | SmoothActivation, shape: Shape, optimizer: Optimizer, options: TrainingOptions,
    deadline: Deadline,
) -> Settings:  # fmt: skip
    dtype = str(options.get("dtype", "float64"))
    if dtype not in _TOLERANCES:
        raise InvalidInputError(explain("dtype float64 or float32", repr(dtype), "", 'dtype="float64"'))
    scale = as_positive(
        options.get("init_scale", 1.0), "init_scale", fix="init_scale=1.0; zero weights are a stationary point"
    )
    rate = optimizer.get("learning_rate", None)
    return Settings(
        problem, phi, shape, optimizer.name, _default_rate(problem, shape, optimizer.name, scale) if rate is None else rate,
        make_schedule(optimizer.get("schedule", None), optimizer.max_steps), float(optimizer.get("momentum", 0.0)),
        optimizer.max_steps,
        _TOLERANCES[dtype] if optimizer.tol is None else float(optimizer.tol),
        as_count(options.get("record_every", 10), "record_every"), _batch_size(optimizer, problem.n_samples), scale,
        getattr(torch, dtype), _device(options.get("device", "cpu")), deadline,
    )  # fmt: skip


def _default_rate(problem: Problem, shape: Shape, optimizer: str, scale: float) -> float:
    """Inverse of an estimate of the largest curvature along the way.

    At a good fit each of the L layers has gain (||Y||/||X||)^(1/L); at the start, a Gaussian matrix has about
    scale·(1 + sqrt(units/inputs)). The curvature is ||X||² times the product of all other gains squared, summed over the
    layers, for both ends of training.
    """
    size = float(np.linalg.norm(problem.inputs, 2))
    # about the size of the map that fits the targets
    gain = float(np.linalg.norm(problem.Y, 2)) / max(size, np.finfo(float).tiny)
    depth = shape.depth
    # about the spectral norms of Gaussian weights at the start
    starts = [scale * (1.0 + np.sqrt(units / columns)) for _, units, columns in shape.weights]
    weight = as_torch_loss(problem.loss).curvature * float(problem.sample_weight.max()) * size**2
    # the curvature at balanced factors of a product of that size
    end = depth * gain ** (2 * (depth - 1) / depth)
    # and at the start, where each layer sees the product of the others
    start = sum(np.prod([s**2 for j, s in enumerate(starts) if j != k]) for k in range(depth))
    rate = 1.0 / (weight * (end + float(start)) + problem.beta)
    # gradients of batches are noisy
    return 0.1 * rate if optimizer == "sgd" else rate


def _widths(width: Any, depth: Any) -> tuple[int, ...]:
    depth = as_count(depth, "depth", 2)
    # numpy's scalars have an __iter__ and cannot be iterated
    if isinstance(width, Iterable) and getattr(width, "ndim", None) != 0:
        widths = tuple(as_count(w, "width") for w in width)
        if len(widths) != depth - 1:
            raise InvalidInputError(
                explain(
                    f"{depth - 1} hidden widths for depth {depth}", f"{len(widths)}", "", f"depth={len(widths) + 1}"
                )
            )
        return widths
    return (as_count(width, "width"),) * (depth - 1)


def _seeds(seeds: Any) -> tuple[int, ...]:
    if not isinstance(seeds, Iterable) or isinstance(seeds, str) or getattr(seeds, "ndim", None) == 0:
        raise InvalidInputError(explain("seeds to be a sequence of ints >= 0", repr(seeds), "", "seeds=range(10)"))
    out = tuple(as_count(seed, "every seed", 0) for seed in seeds)
    if not out or len(set(out)) < len(out):
        raise InvalidInputError(
            explain(
                "at least one seed, each once", f"{len(out)} seeds, {len(set(out))} distinct", "", "seeds=range(10)"
            )
        )
    return out


def _batch_size(optimizer: Optimizer, n: int) -> int | None:
    size = optimizer.get("batch_size", min(32, n) if isinstance(optimizer, SGD) else None)
    if size is None:
        return None
    if size > n:
        raise InvalidInputError(explain(f"batch_size of at most n = {n}", repr(size)))
    return int(size)


def _device(device: Any) -> Any:
    try:
        out = torch.device(device)
        torch.zeros(1, device=out)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InvalidInputError(
            explain("a torch device of this machine", repr(device), str(error).splitlines()[0], 'device="cpu"')
        ) from error
    return out
