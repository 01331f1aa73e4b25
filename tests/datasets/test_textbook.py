"""Closed-form optima against a slow search over the networks themselves: many starts on the literal objective."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from relucvx.datasets import textbook_instances
from relucvx.datasets.textbook import shrunk_value

INSTANCES = textbook_instances()


def literal_loss(name, F, Y):
    margin = Y * F
    if name == "squared":
        return 0.5 * ((F - Y) ** 2).sum()
    if name == "huber":
        r = (F - Y).abs()
        return torch.where(r <= 1.0, 0.5 * r**2, r - 0.5).sum()
    if name == "logistic":
        return torch.log1p(torch.exp(-margin)).sum()
    slack = torch.clamp(1.0 - margin, min=0.0)
    return slack.sum() if name == "hinge" else (slack**2).sum()


def literal_objective(inst, theta, m, smooth=0.0):
    """loss(F) + beta/2·(all penalised parameters squared), from the definitions; |t| may be rounded at its kink."""
    X = torch.tensor(inst.X)
    Y = torch.tensor(inst.Y.reshape(len(inst.X), -1))
    d, c = X.shape[1], Y.shape[1]
    W, V, b, a = torch.split(theta, [m * d, m * c, m, c])
    hidden_bias = inst.bias != "none"
    output_bias = inst.bias in ("all", "free")
    T = X @ W.reshape(m, d).T + (b if hidden_bias else 0.0)
    hidden = {"relu": T.clamp(min=0.0), "abs": (T**2 + smooth**2).sqrt(), "linear": T}[inst.activation.name]
    F = hidden @ V.reshape(m, c) + (a if output_bias else 0.0)
    penalty = (W**2).sum() + (V**2).sum()
    if inst.bias in ("hidden", "all"):
        penalty = penalty + (b**2).sum()
    if inst.bias == "all":
        penalty = penalty + (a**2).sum()
    return literal_loss(inst.loss, F, Y) + 0.5 * inst.beta * penalty


def best_found(inst, starts=12, m=None):
    rng = np.random.default_rng(0)
    d, c = inst.n_features, inst.n_outputs
    m = (6 if inst.n_samples > 1 else 2) if m is None else m

    def value(x, smooth=0.0):
        theta = torch.tensor(x, requires_grad=True)
        out = literal_objective(inst, theta, m, smooth)
        out.backward()
        return out.item(), theta.grad.numpy()

    best = np.inf
    for _ in range(starts):
        x = rng.standard_normal(m * d + m * c + m + c)
        if inst.loss == "hinge":  # a kink at the optimum: only a derivative-free search gets to it
            options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000, "maxfev": 4000}
            found = minimize(lambda z: value(z)[0], x, method="Nelder-Mead", options=options).fun
        elif inst.activation.name == "abs":  # optima sit on the kink: follow smoothed problems towards it
            for smooth in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
                x = minimize(value, x, args=(smooth,), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
            with torch.no_grad():
                found = literal_objective(inst, torch.tensor(x), m).item()
        else:
            found = minimize(value, x, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-15}).fun
        best = min(best, found)
    return best


@pytest.mark.parametrize("name", list(INSTANCES))
def test_optimum_is_reached_and_never_beaten(name):
    inst = INSTANCES[name]
    best = best_found(inst, starts=3 if inst.loss == "hinge" else 12, m=1 if inst.loss == "hinge" else None)
    scale = max(1.0, inst.optimum)
    assert best >= inst.optimum - 1e-9 * scale
    assert best <= inst.optimum + 1e-5 * scale


def test_the_check_can_fail():
    inst = INSTANCES["whitened"]
    assert abs(best_found(inst, starts=6) - 1.001 * inst.optimum) > 1e-5


def test_bank_is_complete_and_consistent():
    assert {i.loss for i in INSTANCES.values()} == {"squared", "huber", "logistic", "hinge", "squared_hinge"}
    assert {i.bias for i in INSTANCES.values()} == {"none", "hidden", "all", "free"}
    assert {i.activation.name for i in INSTANCES.values()} == {"relu", "abs", "linear"}
    assert any(i.n_outputs > 1 for i in INSTANCES.values())
    for name, inst in INSTANCES.items():
        assert inst.name == f"textbook:{name}"
        assert inst.description
        assert inst.beta > 0
        assert np.isfinite(inst.optimum)
    assert {k: v.to_dict() for k, v in textbook_instances().items()} == {k: v.to_dict() for k, v in INSTANCES.items()}


def test_shrunk_value_is_the_minimum():
    grid = np.linspace(0, 3, 30001)
    for t in (0.0, 0.3, 1.0, 2.5):
        for tau in (0.1, 1.0):
            assert shrunk_value(t, tau) == pytest.approx(np.min((grid - t) ** 2 / 2 + tau * grid), abs=1e-7)
