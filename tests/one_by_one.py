"""One network at a time, as one would write it in torch: autograd and ``torch.optim``; L-BFGS with two plain loops.

The reference for the batched program: the same initial weights, steps, stopping rule and history.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.nn import functional

import relucvx as rx
from relucvx.interrupts import listening
from relucvx.network import SmoothActivation
from relucvx.training.batched import Callback, Outcome
from relucvx.training.lbfgs import CURVATURE, DECREASE, MEMORY, PATIENCE, PROGRESS, SHRINKAGE, TRIALS
from relucvx.training.losses import as_torch_loss
from relucvx.training.recording import History
from relucvx.training.runs import Runs, RunStatus, TrainingProgress
from relucvx.training.stepping import BETA1, BETA2, EPSILON, Batches, Settings


def train_alone(*args: Any, **options: Any) -> Runs:
    """:func:`relucvx.train`, one seed after the other."""
    with mock.patch("relucvx.training.front_door.train_batched", _one_by_one):
        return rx.train(*args, **options)


def _one_by_one(
    settings: Settings, seeds: Sequence[int], history: History, callback: Callback | None
) -> tuple[list[Outcome], bool]:
    """Every seed that was begun before the end, and whether Ctrl-C ended it."""
    outcomes, stopped = [], False
    for position, seed in enumerate(seeds):
        outcome, stopped = train_single(settings, seed, position, history, callback)
        outcomes.append(outcome)
        if stopped or outcome.status in (RunStatus.INTERRUPTED, RunStatus.TIME_LIMIT):
            break
    return outcomes, stopped


def train_single(
    settings: Settings, seed: int, position: int, history: History, callback: Callback | None
) -> tuple[Outcome, bool]:
    """Train one seed; also returns whether Ctrl-C ended it.

    Notes
    -----
    Source: [relucvx].
    Status: heuristic (gradient training; nothing is proven).
    """
    kind = _LBFGS if settings.optimizer == "lbfgs" else _Torch
    loop, stopped = kind(settings, seed, position, history, callback), False
    try:
        with listening():
            status = loop.run()
    except KeyboardInterrupt:
        status, stopped = RunStatus.INTERRUPTED, True
    final = kind is _LBFGS or status is RunStatus.STATIONARY
    theta = (loop.flat() if final else loop.best_theta).cpu().double().numpy()
    return Outcome(theta, loop.steps, time.perf_counter() - loop.begin, status), stopped


class _Loop:
    """One network, its objective, stopping and history."""

    def __init__(
        self, settings: Settings, seed: int, position: int, history: History, callback: Callback | None
    ) -> None:
        self.begin = time.perf_counter()
        self.settings, self.position, self.history, self.callback = settings, position, history, callback
        problem = settings.problem

        def tensor(a: Any) -> Any:
            return torch.tensor(a, dtype=settings.dtype, device=settings.device)

        self.loss = as_torch_loss(problem.loss)
        self.inputs, self.targets = tensor(problem.inputs), tensor(problem.Y)
        unweighted = (problem.sample_weight == 1.0).all()
        self.weight = None if unweighted else tensor(problem.sample_weight)
        self.mask = tensor(settings.shape.decay())
        theta = settings.initial([seed])[0]
        self.layers = [
            (w.clone().requires_grad_(), None if b is None else b.clone().requires_grad_())
            for w, b in settings.shape.matrices(theta)
        ]
        self.parameters = [p for layer in self.layers for p in layer if p is not None]
        masks = [p for layer in settings.shape.matrices(self.mask) for p in layer if p is not None]
        self.masks = [None if mask.all() else mask for mask in masks]
        self.steps, self.best_value, self.best_theta = 0, math.inf, theta

    def flat(self) -> Any:
        """The parameters as one vector (P,)."""
        return torch.cat([p.detach().reshape(-1) for p in self.parameters])

    def objective(self, rows: Any = None) -> Any:
        """Loss plus decay, as a differentiable scalar."""
        phi = self.settings.activation
        H = self.inputs if rows is None else self.inputs[rows]
        Y = self.targets if rows is None else self.targets[rows]
        weight, scale = self.weight, 1.0
        if rows is not None:
            weight, scale = None if weight is None else weight[rows], len(self.inputs) / len(rows)
        for k, (W, bias) in enumerate(self.layers):
            if k:
                H = _apply(phi, H)
            H = functional.linear(H, W, bias)
        value = scale * self.loss.value(H.T, Y.T, weight)
        decay = sum((p * p if m is None else m * p * p).sum() for p, m in zip(self.parameters, self.masks, strict=True))
        return value + 0.5 * self.settings.problem.beta * decay

    def stopping(self, value: float, grad: Any, theta: Any) -> RunStatus | None:
        """The rule of the batched program."""
        if not math.isfinite(value):
            return RunStatus.DIVERGED
        pull = self.settings.problem.beta * self.mask * theta
        size = float(grad.norm())
        scale = float((grad - pull).norm() + pull.norm())
        if size <= self.settings.tol * scale:
            return RunStatus.STATIONARY
        decay = self.settings.problem.beta * float(theta @ theta)
        tiny = decay <= torch.finfo(theta.dtype).eps ** 2 * value and float(theta @ grad) >= 0
        if tiny and not self.settings.problem.bias.has_output:
            return RunStatus.STATIONARY
        if self.steps >= self.settings.max_steps:
            return RunStatus.STEP_LIMIT
        return RunStatus.TIME_LIMIT if self.settings.deadline.passed() else None

    def record(self, value: float) -> None:
        """One entry of the history."""
        theta = self.flat().cpu().double().numpy()
        settings = self.settings
        self.history.add(
            np.array([self.position]),
            np.array([self.steps]),
            np.array([value]),
            lambda k: settings.shape.network(theta, settings.activation, settings.problem.scalar_output),
        )

    def asked_to_stop(self, value: float, count: int) -> bool:
        """Tell the callback; whether it wants to stop."""
        if self.callback is None:
            return False
        seconds = time.perf_counter() - self.begin
        return bool(self.callback(TrainingProgress(count, self.settings.max_steps, 1, self.position, value, seconds)))


class _Torch(_Loop):
    """Gradient descent, SGD and Adam through ``torch.optim``."""

    def run(self) -> RunStatus:
        """Train until something ends it."""
        settings = self.settings
        if settings.optimizer == "adam":
            optimizer: Any = torch.optim.Adam(self.parameters, lr=settings.rate, betas=(BETA1, BETA2), eps=EPSILON)
        else:
            optimizer = torch.optim.SGD(self.parameters, lr=settings.rate, momentum=settings.momentum)
        size, n = settings.batch_size, settings.problem.n_samples
        batches = None if size is None else Batches(self.history_seed, n, size)
        while True:
            over = self.steps >= settings.max_steps or settings.deadline.passed()
            check = self.steps % settings.every == 0 or over
            if check or batches is None:
                optimizer.zero_grad()
                total = self.objective()
                total.backward()
            if check:
                value, theta = total.item(), self.flat()
                if value < self.best_value:
                    self.best_value, self.best_theta = value, theta
                self.record(value)
                status = self.stopping(value, torch.cat([p.grad.reshape(-1) for p in self.parameters]), theta)
                if status is not None:
                    return status
                if self.asked_to_stop(value, self.steps):
                    return RunStatus.INTERRUPTED
            if batches is not None:
                optimizer.zero_grad()
                self.objective(torch.as_tensor(batches.draw(), device=settings.device)).backward()
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * settings.factor(self.steps)
            optimizer.step()
            self.steps += 1

    def __init__(self, settings: Settings, seed: int, *rest: Any) -> None:
        super().__init__(settings, seed, *rest)
        self.history_seed = seed


class _LBFGS(_Loop):
    """L-BFGS with the two-loop recursion and the line search of the batched program."""

    def run(self) -> RunStatus:
        """Train until something ends it."""
        self.pairs: list[tuple[Any, Any, float]] = []
        theta = self.flat()
        value, grad = self._evaluate(theta)
        rounding = 8 * torch.finfo(theta.dtype).eps
        best_value, best_size, idle = value, float(grad.norm()), 0
        self.record(value)
        while True:
            status = self.stopping(value, grad, theta) or (RunStatus.STALLED if idle >= PATIENCE else None)
            if status is None:
                found = self._search(theta, value, grad, rounding)
                status = RunStatus.STALLED if found is None else None
            if status is not None:
                if self.steps % self.settings.every:
                    self.record(value)
                return status
            theta, value, grad = found  # type: ignore[misc]
            self._load(theta)
            self.steps += 1
            lower = value < best_value - max(rounding, PROGRESS) * abs(best_value)
            smaller = float(grad.norm()) < SHRINKAGE * best_size
            best_value, best_size = (value if lower else best_value), (float(grad.norm()) if smaller else best_size)
            idle = 0 if lower or smaller else idle + 1
            if self.steps % self.settings.every == 0:
                self.record(value)
            if self.asked_to_stop(value, self.steps):
                return RunStatus.INTERRUPTED

    def _load(self, theta: Any) -> None:
        start = 0
        with torch.no_grad():
            for p in self.parameters:
                p.copy_(theta[start : start + p.numel()].view_as(p))
                start += p.numel()

    def _evaluate(self, theta: Any) -> tuple[float, Any]:
        self._load(theta)
        total = self.objective()
        grads = torch.autograd.grad(total, self.parameters)
        return total.item(), torch.cat([g.reshape(-1) for g in grads])

    def _direction(self, grad: Any) -> Any:
        q, alphas = grad.clone(), []
        for s, y, rho in reversed(self.pairs):
            alpha = rho * float(s @ q)
            alphas.append(alpha)
            q.add_(y, alpha=-alpha)
        if self.pairs:
            s, y, rho = self.pairs[-1]
            q.mul_(1.0 / (rho * float(y @ y)))
        for (s, y, rho), alpha in zip(self.pairs, reversed(alphas), strict=True):
            q.add_(s, alpha=alpha - rho * float(y @ q))
        return -q

    def _search(self, theta: Any, value: float, grad: Any, rounding: float) -> tuple[Any, float, Any] | None:
        """Next point, or None when neither the memory nor the gradient gives one."""
        direction = self._direction(grad)
        slope0 = float(direction @ grad)
        if not slope0 < 0:
            self.pairs, direction = [], -grad
            slope0 = -float(grad @ grad)
        length = 1.0 if self.pairs else min(1.0, 1.0 / float(grad.norm()))
        low, high = 0.0, math.inf
        trial, new, slopes, slope = theta, value, grad, slope0
        for _ in range(TRIALS):
            trial = theta + length * direction
            new, slopes = self._evaluate(trial)
            slope = float(slopes @ direction)
            flat = new <= value + rounding * abs(value) and slope <= (2 * DECREASE - 1) * slope0
            decreased = math.isfinite(new) and (new <= value + DECREASE * length * slope0 or flat)
            if decreased and slope >= CURVATURE * slope0:
                self._store(trial - theta, slopes - grad)
                return trial, new, slopes
            low, high = (length, high) if decreased else (low, length)
            length = 0.5 * (low + high) if math.isfinite(high) else 2.0 * low
        if decreased and new < value:
            return trial, new, slopes
        if not self.pairs:
            return None
        self.pairs = []
        return self._search(theta, value, grad, rounding)

    def _store(self, step: Any, change: Any) -> None:
        curvature = float(step @ change)
        if curvature > torch.finfo(step.dtype).eps * float(step.norm()) * float(change.norm()):
            self.pairs = [*self.pairs[1 - MEMORY :], (step, change, 1.0 / curvature)]


def _apply(phi: Any, A: Any) -> Any:
    if isinstance(phi, SmoothActivation):
        return phi.torch(A)
    if (phi.linear, phi.hinge) == (0.0, 1.0):
        return functional.relu(A)
    if phi.hinge == 0.0:
        return phi.linear * A
    return phi.linear * A + phi.hinge * functional.relu(A)
