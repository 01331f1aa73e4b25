"""The front door of gradient training."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from relucvx.conversion import as_number, is_word
from relucvx.deadline import Deadline
from relucvx.errors import Interrupted, InvalidInputError, UnsupportedError, explain
from relucvx.interrupts import interruptible
from relucvx.losses import Loss
from relucvx.network import SmoothActivation, resolve_activation
from relucvx.program.problem import Problem, make_problem
from relucvx.training.batched import Callback, Outcome, train_batched
from relucvx.training.losses import as_torch_loss
from relucvx.training.objective import BatchedObjective, Shape
from relucvx.training.progress import with_progress_bar
from relucvx.training.recording import History, make_recorders
from relucvx.training.runs import Run, Runs, RunStatus
from relucvx.training.single import train_single
from relucvx.training.stepping import Schedule, Settings, make_schedule
from relucvx.types import Activation
from relucvx.validation import as_count, as_positive

OPTIMIZERS = ("lbfgs", "adam", "gd", "sgd")

_STEPS = {"lbfgs": 2000, "adam": 5000, "gd": 20000, "sgd": 5000}
_TOLERANCES = {"float64": 1e-8, "float32": 1e-4}


@interruptible
def train(
    X: Any,
    Y: Any,
    beta: float,
    *,
    width: int | Sequence[int] = 64,
    seeds: Iterable[int] = range(10),
    loss: str | Loss = "squared",
    bias: str | bool = "none",
    activation: str | tuple[float, float] | Activation | SmoothActivation = "relu",
    sample_weight: Any = None,
    optimizer: str = "lbfgs",
    learning_rate: float | None = None,
    schedule: Schedule = None,
    momentum: float = 0.0,
    batch_size: int | None = None,
    init_scale: float = 1.0,
    max_steps: int | None = None,
    tol: float | None = None,
    depth: int = 2,
    dtype: str = "float64",
    device: str = "cpu",
    batched: bool = True,
    p_star: float | None = None,
    record: Any = None,
    record_every: int = 10,
    time_limit: float | Deadline | None = None,
    callback: Callback | None = None,
    progress: bool = False,
) -> Runs:
    r"""Train networks by gradients on exactly the objective of the convex program, many seeds at once.

    ``min loss(F) + beta/2 Σ_l ||W_l||² [+ beta/2 ||decayed biases||²]``, ``F = phi(... phi(X W_1) ...) W_L``.

    Parameters
    ----------
    X, Y, beta, loss, bias, sample_weight
        As in :func:`relucvx.solve`. In deep networks "hidden" gives every hidden layer a decayed bias, "all" every layer,
        "free" every layer an undecayed one.
    width : int or sequence of ints
        Hidden units of every hidden layer, or of each.
    seeds : iterable of ints >= 0
        One network per seed. A seed fixes its own initial weights and minibatches, whatever else is in the batch.
    activation : str, pair of slopes, Activation or SmoothActivation
        ``"linear"`` makes (deep) linear networks.
    optimizer : {"lbfgs", "adam", "gd", "sgd"}
        "gd" uses all samples in every step; "sgd" and "adam" take ``batch_size`` (sgd: at most 32 by default).
    learning_rate : float, optional
        First step size. Default: 0.01 for Adam; for gd and sgd the inverse of an estimate of the curvature (sgd: a tenth of
        it). L-BFGS searches its own.
    schedule : {"constant", "cosine", "step"} or callable, optional
        Factor on the learning rate; see :func:`relucvx.training.make_schedule`.
    momentum : float in [0, 1)
        Of gd and sgd.
    init_scale : float
        Weights and hidden biases start as N(0, init_scale²/fan_in), output biases at zero.
    max_steps : int, optional
        Default 2000 (lbfgs), 20000 (gd), 5000 (adam, sgd).
    tol : float, optional
        A seed stops where ||∇P|| <= tol·(||∇loss|| + ||beta theta||). Default 1e-8 in float64, 1e-4 in float32.
    depth : int
        Number L >= 2 of weight matrices.
    dtype : {"float64", "float32"}
        Of training; networks and final objectives are float64 always.
    device : str
        A torch device such as "cpu" or "cuda".
    batched : bool
        False trains one seed after the other with autograd and ``torch.optim``: slower, for comparison.
    p_star : float, optional
        A certified optimum or lower bound; the history then has ``gap`` and ``rel_gap``.
    record : callable, name, sequence, or dict of them, optional
        Further columns of the history; see :func:`relucvx.training.make_recorders`.
    record_every : int
        Steps between entries of the history; gd, sgd and Adam also look at stopping and callback only then.
    time_limit : float, optional
        Seconds for all seeds together; the best points so far are returned when they run out.
    callback : callable, optional
        Sees a :class:`TrainingProgress`; returning True stops cleanly.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Runs
        One :class:`Run` per seed, in their order. With ``batched=False``, only the seeds begun before the end.

    Raises
    ------
    InvalidInputError
        For options outside the above, or a device that is not there.
    UnsupportedError
        For a batch size with an optimizer that uses all samples.
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
    phi = resolve_activation(activation)
    problem = make_problem(X, Y, beta, loss, bias, phi if isinstance(phi, Activation) else "relu", sample_weight)
    as_torch_loss(problem.loss)
    widths = _widths(width, depth)
    shape = Shape((problem.n_features, *widths, problem.n_outputs), problem.bias)
    settings = _settings(
        problem, phi, shape, optimizer, learning_rate, schedule, momentum, batch_size, init_scale, max_steps, tol,
        dtype, device, record_every, Deadline.of(time_limit),
    )  # fmt: skip
    chosen = _seeds(seeds)
    history = History(
        len(chosen), make_recorders(record, problem.X), None if p_star is None else as_number(p_star, "p_star")
    )
    with with_progress_bar(callback, progress, settings.max_steps, len(chosen), batched) as watch:
        method = train_batched if batched else _one_by_one
        outcomes, stopped = method(settings, chosen, history, watch)
    runs = Runs(_runs(settings, chosen, outcomes, history), optimizer, time.perf_counter() - begin)
    if stopped:
        raise Interrupted(runs)
    return runs


def _one_by_one(
    settings: Settings, seeds: Sequence[int], history: History, callback: Callback | None
) -> tuple[list[Outcome], bool]:
    outcomes, stopped = [], False
    for position, seed in enumerate(seeds):
        outcome, stopped = train_single(settings, seed, position, history, callback)
        outcomes.append(outcome)
        if stopped or outcome.status in (RunStatus.INTERRUPTED, RunStatus.TIME_LIMIT):
            break
    return outcomes, stopped


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
    problem: Problem, phi: Activation | SmoothActivation, shape: Shape, optimizer: str, learning_rate: float | None,
    schedule: Schedule, momentum: float, batch_size: int | None, init_scale: float, max_steps: int | None,
    tol: float | None, dtype: str, device: str, record_every: int, deadline: Deadline,
) -> Settings:  # fmt: skip
    if not is_word(optimizer, OPTIMIZERS):
        raise InvalidInputError(
            explain(f"an optimizer among {', '.join(OPTIMIZERS)}", repr(optimizer), "", 'optimizer="lbfgs"')
        )
    if str(dtype) not in _TOLERANCES:
        raise InvalidInputError(explain("dtype float64 or float32", repr(dtype), "", 'dtype="float64"'))
    steps = _STEPS[optimizer] if max_steps is None else as_count(max_steps, "max_steps", 0)
    scale = as_positive(init_scale, "init_scale", fix="init_scale=1.0; zero weights are a stationary point")
    rate = _default_rate(problem, shape, optimizer, scale) if learning_rate is None else learning_rate
    if not 0.0 <= as_positive(momentum, "momentum", allow_zero=True) < 1.0:
        raise InvalidInputError(explain("momentum in [0, 1)", repr(momentum), "", "momentum=0.9"))
    return Settings(
        problem, phi, shape, optimizer, as_positive(rate, "learning_rate", fix="learning_rate=None chooses one"),
        make_schedule(schedule, steps), float(momentum), steps,
        _TOLERANCES[str(dtype)] if tol is None else as_positive(tol, "tol", allow_zero=True),
        as_count(record_every, "record_every"), _batch_size(batch_size, optimizer, problem.n_samples), scale,
        getattr(torch, str(dtype)), _device(device), deadline,
    )  # fmt: skip


def _default_rate(problem: Problem, shape: Shape, optimizer: str, scale: float) -> float:
    """Inverse of an estimate of the largest curvature along the way.

    At a good fit each of the L layers has gain (||Y||/||X||)^(1/L); at the start, a Gaussian matrix has about
    scale·(1 + sqrt(units/inputs)). The curvature is ||X||² times the product of all other gains squared, summed over the
    layers, for both ends of training.
    """
    if optimizer == "adam":
        return 0.01
    size = float(np.linalg.norm(problem.inputs, 2))
    gain = float(np.linalg.norm(problem.Y, 2)) / max(size, np.finfo(float).tiny)
    depth = shape.depth
    starts = [scale * (1.0 + np.sqrt(units / columns)) for _, units, columns in shape.weights]
    weight = as_torch_loss(problem.loss).curvature * float(problem.sample_weight.max()) * size**2
    end = depth * gain ** (2 * (depth - 1) / depth)
    start = sum(np.prod([s**2 for j, s in enumerate(starts) if j != k]) for k in range(depth))
    rate = 1.0 / (weight * (end + float(start)) + problem.beta)
    return 0.1 * rate if optimizer == "sgd" else rate


def _widths(width: Any, depth: Any) -> tuple[int, ...]:
    depth = as_count(depth, "depth", 2)
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


def _batch_size(value: Any, optimizer: str, n: int) -> int | None:
    if value is None:
        return min(32, n) if optimizer == "sgd" else None
    if optimizer in ("lbfgs", "gd"):
        raise UnsupportedError(
            explain(
                f"no batch_size with {optimizer}, which uses all samples in every step",
                f"batch_size={value!r}",
                "",
                'optimizer="sgd" or optimizer="adam"',
            )
        )
    if as_count(value, "batch_size") > n:
        raise InvalidInputError(explain(f"batch_size of at most n = {n}", repr(value)))
    return int(value)


def _device(device: Any) -> Any:
    try:
        out = torch.device(device)
        torch.zeros(1, device=out)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InvalidInputError(
            explain("a torch device of this machine", repr(device), str(error).splitlines()[0], 'device="cpu"')
        ) from error
    return out
