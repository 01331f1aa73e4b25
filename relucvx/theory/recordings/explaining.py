"""From a recording to theory: could these neurons be those of a network that is optimal, or nearly, for their task?"""

from __future__ import annotations

import time
from typing import Any, Literal

import numpy as np

from relucvx._api.strengths import beta_max
from relucvx._api.suboptimality import Baseline, basis_of, check_length
from relucvx.certificate.kernels.kernel_cut import MOST_SAMPLES
from relucvx.certificate.kernels.kernel_range import check_kernel_range
from relucvx.conversion import is_word, shown
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.errors import explain as say
from relucvx.interrupts import carrying, hurried
from relucvx.metrics import Recording
from relucvx.oracle import compile_kernels
from relucvx.oracle.clock import clock
from relucvx.oracle.null_pull import searched_beta_max
from relucvx.oracle.signed import compile_signed
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.theory.recordings.explanation import Explanation
from relucvx.theory.recordings.questions import Question
from relucvx.theory.recordings.recorded import Estimate, check_recorded, estimate, targets_of
from relucvx.types import Array, ArrayLike, Rng, resolve_rng
from relucvx.validation import as_count, as_fraction, as_matrix, as_positive, as_strengths

BAND = (0.05, 0.5)
"""Shares of beta_max between which the strength is left open where none is given."""

KNOTS = 3
"""Strengths that are solved there at first; between them mixtures of cuts prove what holds."""


def explain(
    recording: Any,
    targets: ArrayLike | None = None,
    *,
    inputs: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    bias: str = "none",
    delta: float = 0.01,
    baseline: Baseline = "free",
    neurons: Literal["sampled", "all"] = "sampled",
    confidence: float = 0.95,
    n_resamples: int = 200,
    time_limit: float = 60.0,
    rng: Rng = 0,
) -> Explanation:
    """Could a recorded geometry be that of a network that is optimal, or within ``delta`` of it, for its task?

    The recording's kernel of conditions K, unbiased by noise, is set beside all two-layer ReLU networks of any width for the
    task: what a network with such a kernel costs at least, at any scale; the range that statistics of the kernel have over
    *all* networks near the optimum; the most similar kernel that such a network has; and the closed forms of the optimum.

    Parameters
    ----------
    recording : Recording, or array_like of shape (n, n)
        With factors or ``targets``, without time bins, at least four trials (or repeats) per condition. Or a kernel of n
        conditions that is taken to be exact.
    targets : array_like, shape (n, c), optional
        The task, in the order of ``recording.conditions``. Default: ±1 for each factor of two values, one column per value
        for others.
    inputs : array_like, shape (n, d), optional
        What the network sees of each condition. Default: the identity, by which conditions have nothing in common.
    beta : float or pair of floats, optional
        Strength of the weight decay, or the ends of a band of them. Default: 0.05 to 0.5 of beta_max, above which a network
        does nothing.
    bias : {"none", "hidden", "all"}
    delta : float, default 0.01
        Share of p* up to which a network counts as near the optimum.
    baseline : {"free", "kept"}
        Whether neurons may have a baseline of their own, as in :func:`relucvx.kernel_suboptimality`.
    neurons : {"sampled", "all"}
        Whether the recorded neurons stand for a population of which they are a random sample, or for themselves alone:
        mixtures of 40 neurons differ by a sixth from the kernel that they are drawn from.
    confidence : float, default 0.95
    n_resamples : int, default 200
        Halves of the trials, and sets of the neurons, that are drawn.
    time_limit : float
        Seconds, about.
    rng : None, int or Generator

    Returns
    -------
    Explanation
        ``verdict`` and ``statement``, ``changes`` (what would change it), certified sub-optimality by strength,
        ``statistics``, ``closed_forms``, and the nearest network with its kernel.

    Raises
    ------
    InvalidInputError
        For shapes that do not fit, a recording without a task or with fewer than four trials of a condition, noise as large
        as the kernel, and a beta from beta_max on.
    UnsupportedError
        For free biases, and more than 24 conditions.

    Notes
    -----
    *Certified* are statements about kernels: every network whose hidden kernel is a multiple of one within ``radius`` of K has
    at least the objective said, at every strength of the band (a mixture of two cuts proves what lies between, networks are
    lines above p*; strengths are added until the band is decided); every network near the optimum has its statistics in the
    ranges said. *Estimated* is where the recorded kernel is, up to its scale: deviations of kernels of random halves of the
    trials, in strata of conditions and sessions, have the variance of the whole, and the radius holds a share of
    ``confidence`` of them, as seen beside the kernel's own direction. With ``neurons="sampled"`` those of neurons drawn with
    repetition are added, and each distance is divided by the spread of the neurons that it is of; noise that neurons do not
    share counts twice then.

    Of 100 simulated recordings each (mixtures of an optimum, 4 conditions of 12 trials; one run of
    ``benchmarks/explained.py``) a multiple of the true kernel was within the radius for 95 % in 98 and 91 (30 and 100 neurons
    for themselves alone) and in 92 and 96 (sampled). Of intervals for 95 % a functional, the share of one factor and the
    dimension were held in 92 to 99; *with 30 sampled neurons in 89 to 90: too narrow*; with 100 sampled in 96 to 99.

    Compatible means that a network was found near the optimum with a kernel within the radius: that the recording comes from
    such a network does not follow, and other tasks may be compatible as well.

    Status: certified numerically (weak duality) for each kernel; heuristic (asymptotic) for the noise. Source: [relucvx];
    the noise: [walther-2016], [politis-romano-1994]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> task = rx.datasets.factorial(2, x2=0.3, rng=0)
    >>> hidden = rx.solve(task.X, task.Y, beta=0.5).network.hidden(task.X)
    >>> neurons = hidden @ rng.standard_normal((hidden.shape[1], 40))  # each a mixture of hidden units
    >>> trials = np.repeat(neurons, 12, axis=0) + 0.3 * rng.standard_normal((48, 40))
    >>> recording = rx.Recording(trials, factors=np.repeat(task.Y, 12, axis=0))
    >>> found = rx.theory.explain(recording, inputs=task.X, beta=0.5, n_resamples=50, time_limit=600)
    >>> print(found.verdict)
    compatible
    """
    # whatever may be refused is refused before anything takes long: compiled code, strengths, then the noise
    began, generator = time.perf_counter(), resolve_rng(rng)
    as_positive(time_limit, "time_limit", fix="time_limit=60 (seconds)")
    delta, confidence = as_positive(delta, "delta"), as_fraction(confidence, "confidence")
    count = as_count(n_resamples, "n_resamples", least=20)
    if not is_word(neurons, ("sampled", "all")):
        raise InvalidInputError(say('neurons "sampled" or "all"', shown(neurons), "", 'neurons="all"'))
    sampled = neurons == "sampled"
    names, known = check_recorded(recording, sampled)
    if len(names) > MOST_SAMPLES:
        raise UnsupportedError(
            say(f"at most {MOST_SAMPLES} conditions", f"{len(names)}", "", "conditions that matter for the task")
        )
    basis = basis_of(baseline, len(names))
    task = _task(names, known, targets, inputs, bias)
    given = None if beta is None else _strengths(beta)
    limit = clock(time_limit, compile_kernels, compile_signed, needed=True)
    betas = _betas(task, given)
    seen = estimate(recording, count, sampled, generator)
    radius = seen.radius(basis, confidence)
    _check_known(seen, radius, basis)
    question = Question(seen, task, betas, delta, baseline, basis, radius, confidence, inputs is None)
    seed = int(generator.integers(2**31))

    def found(left: Deadline) -> Explanation:
        return question.answer(left, began, seed)

    with carrying(lambda _: hurried(found)):
        return found(limit)


def _check_known(seen: Estimate, radius: float, basis: Array) -> None:
    """Raise unless the kernel differs from zero; where few neurons are why it may not, more trials would not help."""
    size, share = float(np.linalg.norm(basis.T @ seen.kernel @ basis)), seen.share_of_neurons(basis)
    if radius >= size > 0.0 and share > 0.5:
        raise InvalidInputError(
            say(
                f"a kernel that is known to less than its norm, {size:.3g}", f"a radius of {radius:.3g}",
                f"{share:.0%} of the variance is which neurons were recorded: {len(seen.neurons)} stand for all",
                'more neurons, or neurons="all" for what holds of these alone',
            )
        )  # fmt: skip
    check_length(seen.kernel, radius, basis)


def _task(names: tuple[str, ...], known: Recording | None, targets: Any, inputs: Any, bias: Any) -> Problem:
    n = len(names)
    Y = targets_of(known, targets, n)
    X = np.eye(n) if inputs is None else as_matrix(inputs, "inputs")
    if len(X) != n:
        order = "" if known is None else f"the order of recording.conditions: {', '.join(names[:4])}, …"
        raise InvalidInputError(say(f"inputs of shape ({n}, d), one row per condition", f"shape {X.shape}", "", order))
    # any strength will do until those are known that the task allows
    problem = make_problem(X, Y, 1.0, bias=bias)
    check_kernel_range(problem)
    return problem


def _strengths(beta: Any) -> Array:
    """One strength, or the two ends of a band, in order."""
    given = np.unique(as_strengths(np.atleast_1d(np.asarray(beta, dtype=object))))
    if len(given) > 2:
        raise InvalidInputError(
            say("one beta, or the two ends of a band", f"{len(given)} values", "", "beta=(0.1, 1.0)")
        )
    return given


def _betas(task: Problem, given: Array | None) -> Array:
    """Strengths to be solved: one, the ends of a band with one between, or the band below beta_max."""
    # a search finds as much without its proof, which takes long in many dimensions
    found = searched_beta_max(task)
    if given is None:
        return np.geomspace(BAND[0] * found, BAND[1] * found, KNOTS)
    above = found if given[-1] < found else beta_max(task.X, task.Y, bias=task.bias)[0]
    if given[-1] >= above:
        raise InvalidInputError(
            say(
                f"beta below beta_max = {above:.4g} of the task", f"{given[-1]:g}", "a network has no hidden kernel there",
                f"beta={0.2 * above:.3g}",
            )
        )  # fmt: skip
    return given if len(given) == 1 else np.geomspace(given[0], given[1], KNOTS)
