r"""Problems whose optimal value is known in closed form, with everything needed to pose them.

All formulas are for the package's objective, loss + beta/2·(||W_in||² + ||W_out||²). Two functions recur:

    g(t; tau) = tau·t - tau²/2 if t > tau, else t²/2     = min_f (f - t)²/2 + tau·|f|
    s(t; tau) = max(t - tau, 0)                            the minimiser
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np

from relucvx.datasets.dataset import Dataset
from relucvx.datasets.synthetic import class_labels, factorial, whitened
from relucvx.types import ACTIVATIONS, Activation, Array, Bias, as_activation


@dataclass(frozen=True, repr=False)
class TextbookInstance(Dataset):
    """A dataset with the problem posed on it and the problem's optimal value.

    Attributes
    ----------
    beta : float
        Regularisation strength.
    loss : str
        Name of the loss.
    bias : Bias
        Bias mode.
    activation : Activation
        Activation of the hidden neurons.
    optimum : float
        Optimal value p*, from the formula in ``description``.

    Notes
    -----
    Status: as :func:`textbook_instances` says. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> case = next(iter(rx.datasets.textbook_instances().values()))
    >>> sol = rx.solve(case.X, case.Y, case.beta, loss=case.loss, bias=case.bias, activation=case.activation)
    >>> bool(abs(sol.objective - case.optimum) < 1e-6 * case.optimum)
    True
    """

    beta: float = 1.0
    loss: str = "squared"
    bias: Bias = Bias.NONE
    activation: Activation = ACTIVATIONS["relu"]
    optimum: float = 0.0


def textbook_instances() -> dict[str, TextbookInstance]:
    """Every problem with a closed-form optimum, by name; the same on every call.

    Returns
    -------
    dict of str to TextbookInstance
        Scalar-output problems have Y of shape (n,), vector-output ones (n, c) (``n_outputs > 1``).

    Notes
    -----
    One sample x (losses below with y = 1 where they classify): a single atom of size ||x||, so with tau = beta/||x||
    the problem is min_f loss(f) + tau·|f|. One feature: the two atoms max(x, 0) and max(-x, 0) have disjoint supports.
    Whitened inputs, X X^T = I: the positive and the negative part of y are fitted by one neuron each.

    Source: [wang-2025], [relucvx].
    Status: theorem, except the factorial entries: certified numerically.

    Examples
    --------
    >>> import relucvx as rx
    >>> bank = rx.datasets.textbook_instances()
    >>> all(case.optimum >= 0 for case in bank.values()), len(bank) >= 5
    (True, True)
    """
    groups = (_one_sample(), _one_sample_bias(), _one_feature(), _whitened(), _trivial(), _vector(), _factorial())
    return {instance.name.removeprefix("textbook:"): instance for group in groups for instance in group}


def shrunk_value(t: SupportsFloat, tau: float) -> float:
    """Value of min_f (f - t)²/2 + tau·|f| for t >= 0: tau·t - tau²/2 above the threshold, t²/2 below.

    Notes
    -----
    Source: [relucvx].
    Status: theorem.
    """
    t = float(t)
    return tau * t - tau**2 / 2 if t > tau else t**2 / 2


def _instance(
    name: str,
    X: Array,
    Y: Array,
    beta: float,
    optimum: SupportsFloat,
    text: str,
    *,
    loss: str = "squared",
    bias: str = "none",
    activation: str = "relu",
) -> TextbookInstance:
    return TextbookInstance(
        name=f"textbook:{name}",
        X=X,
        Y=Y,
        description=text,
        beta=beta,
        loss=loss,
        bias=Bias(bias),
        activation=as_activation(activation),
        optimum=float(optimum),
    )


def _one_sample() -> Iterator[TextbookInstance]:
    x = np.array([[3.0, -4.0]])
    tau, one = 0.4, np.ones(1)
    for name, y in (("positive", 1.5), ("negative", -1.5), ("below_threshold", 0.3)):
        value = shrunk_value(abs(y), tau)
        yield _instance(f"one_sample_{name}", x, np.array([y]), 2.0, value, "g(|y|; tau), tau = beta/||x||")
    for name, y in (("outside", 3.0), ("inside", 0.9)):
        text = "g(|y|; tau) for tau < 1: shrinking the fit to |y| - tau stays in the loss's parabola"
        yield _instance(f"one_sample_huber_{name}", x, np.array([y]), 2.0, shrunk_value(y, tau), text, loss="huber")
    yield _instance("one_sample_hinge", x, one, 2.0, min(1.0, tau), "min(1, tau)", loss="hinge")
    yield _instance("one_sample_hinge_zero", x, one, 6.0, 1.0, "min(1, tau), tau = 1.2", loss="hinge")
    value = tau - tau**2 / 4
    yield _instance("one_sample_squared_hinge", x, -one, 2.0, value, "tau - tau²/4 for tau < 2", loss="squared_hinge")
    entropy = -tau * np.log(tau) - (1 - tau) * np.log(1 - tau)
    yield _instance(
        "one_sample_logistic", x, one, 2.0, entropy, "entropy of (tau, 1 - tau), tau < 1/2", loss="logistic"
    )
    yield _instance("one_sample_logistic_zero", x, one, 3.0, np.log(2.0), "log 2 for tau >= 1/2", loss="logistic")


def _one_sample_bias() -> Iterator[TextbookInstance]:
    x, y, beta = np.array([[2.0, -2.0]]), 1.5, 1.2
    tau = beta / 3.0  # ||(x, 1)|| = 3
    value = shrunk_value(y, tau)
    text = "g(|y|; tau), tau = beta/||(x, 1)||"
    yield _instance("one_sample_hidden_bias", x, np.array([y]), beta, value, text, bias="hidden")
    # Fit F = f + b costs min_b tau·|F - b| + beta·b²/2 = tau·|F| - tau²/(2 beta) beyond |F| = tau/beta.
    value = tau * y - tau**2 / 2 - tau**2 / (2 * beta)
    text = "tau·|y| - tau²/2 - tau²/(2 beta) for |y| >= tau + tau/beta, tau = beta/||(x, 1)||"
    yield _instance("one_sample_all_biases", x, np.array([y]), beta, value, text, bias="all")
    small = 0.5
    value = beta * small**2 / (2 * (1 + beta))
    text = "beta·y²/(2 (1 + beta)) for |y| <= tau + tau/beta: the output bias alone"
    yield _instance("one_sample_output_bias_only", x, np.array([small]), beta, value, text, bias="all")
    X = np.array([[1.0, 0.0], [-1.0, 2.0], [0.5, 1.0]])
    yield _instance("constant_free_bias", X, np.full(3, 2.0), 0.5, 0.0, "0: an output bias is free", bias="free")


def _one_feature() -> Iterator[TextbookInstance]:
    x = np.array([1.0, 2.0, 0.5, 3.0])
    y = np.array([1.0, -0.5, 2.0, 1.5])
    text = "||y||²/2 - s(|x·y|; beta)²/(2||x||²)"
    for name, target, beta in (("positive", y, 1.0), ("negative_targets", -y, 1.0), ("below_threshold", y, 6.0)):
        value = target @ target / 2 - max(abs(x @ target) - beta, 0.0) ** 2 / (2 * x @ x)
        yield _instance(f"one_feature_{name}", x[:, None], target, beta, value, text)
    Y = np.column_stack([y, -y[::-1]])
    value = np.sum(Y**2) / 2 - max(float(np.linalg.norm(x @ Y)) - 1.0, 0.0) ** 2 / (2 * x @ x)
    yield _instance("one_feature_vector", x[:, None], Y, 1.0, value, "the same with ||x^T Y||")
    mixed = np.array([1.0, -2.0, 0.0, 3.0, -1.0])
    target = np.array([1.0, 1.5, 0.7, -2.0, 0.5])
    value = target @ target / 2
    for part in (np.maximum(mixed, 0.0), np.maximum(-mixed, 0.0)):
        value -= max(abs(part @ target) - 0.8, 0.0) ** 2 / (2 * part @ part)
    text = "||y||²/2 - sum over x+ and x- of s(|x±·y|; beta)²/(2||x±||²)"
    yield _instance("one_feature_both_signs", mixed[:, None], target, 0.8, value, text)
    size = np.abs(mixed)
    value = target @ target / 2 - max(abs(size @ target) - 0.3, 0.0) ** 2 / (2 * size @ size)
    text = "||y||²/2 - s(||x|·y|; beta)²/(2||x||²)"
    yield _instance("one_feature_abs", mixed[:, None], target, 0.3, value, text, activation="abs")


def _whitened() -> Iterator[TextbookInstance]:
    X = whitened(4, 5, rng=7).X
    y = np.array([1.5, -1.0, 0.5, -0.4])
    plus, minus = np.linalg.norm(np.maximum(y, 0.0)), np.linalg.norm(np.maximum(-y, 0.0))
    text = "g(||y+||; beta) + g(||y-||; beta)"
    for name, beta in (("", 0.3), ("_one_sided", 1.2)):
        yield _instance(f"whitened{name}", X, y, beta, shrunk_value(plus, beta) + shrunk_value(minus, beta), text)
    value = shrunk_value(plus, 0.3) + shrunk_value(minus, 0.3)
    yield _instance("whitened_abs", X, y, 0.3, value, text, activation="abs")
    norm = float(np.linalg.norm(y))
    yield _instance("whitened_linear", X, y, 0.3, shrunk_value(norm, 0.3), "g(||y||; beta)", activation="linear")
    text = "g(||y+||; tau) + g(||y-||; tau), tau = beta/r for orthogonal rows of one length r"
    value = shrunk_value(plus, 0.25) + shrunk_value(minus, 0.25)
    yield _instance("orthogonal_equal_rows", 2.0 * X, y, 0.5, value, text)
    text = "sum_i g(|y_i|; beta/||x_i||) for two orthogonal rows whose targets have opposite signs"
    value = shrunk_value(1.5, 0.25) + shrunk_value(1.0, 1.0 / 6.0)
    yield _instance("orthogonal_opposite", np.diag([2.0, 3.0]), np.array([1.5, -1.0]), 0.5, value, text)


def _trivial() -> Iterator[TextbookInstance]:
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    yield _instance("zero_target", X, np.zeros(6), 0.1, 0.0, "0: the zero network fits")
    beta = float(np.linalg.norm(y) * np.linalg.norm(X, 2))
    text = "||y||²/2: beta >= ||X||·||y|| >= beta_max, so the zero network is optimal"
    yield _instance("beyond_beta_max", X, y, beta, y @ y / 2, text)


def _vector() -> Iterator[TextbookInstance]:
    text = "sum_k g(sqrt(n_k); beta)"
    designs = (("balanced", (2, 2), 0.5), ("unbalanced", (1, 3), 0.5), ("vanishing_class", (1, 3), 1.3))
    for name, sizes, beta in designs:
        data = class_labels(sizes, rng=11)
        value = sum(shrunk_value(np.sqrt(size), beta) for size in sizes)
        yield _instance(f"one_hot_{name}", data.X, data.Y, beta, value, text)
    Y = np.array([[0.6, -0.8, 1.0]])
    value = shrunk_value(float(np.linalg.norm(Y)), 0.4)
    yield _instance("one_sample_vector", np.array([[3.0, -4.0]]), Y, 2.0, value, "g(||y||; tau), tau = beta/||x||")


def _factorial() -> Iterator[TextbookInstance]:
    text = "beta d_Y (2 sqrt(gamma) - 2 gamma beta/n), the abstract kernel's value"
    for name, x0, x1, x2, beta in (("whitened", 1.0, 0.0, 0.0, 0.5), ("common_mode", 1.0, 1.0, 0.5, 0.3)):
        data = factorial(2, x0=x0, x1=x1, x2=x2)
        n = data.n_samples
        a, b = n / (x0 + n * x1), n / (x0 + n * x2)
        gamma = a * b / (a + b) if a <= b else (a + b) / 4
        value = beta * 2 * (2 * np.sqrt(gamma) - 2 * gamma * beta / n)
        yield _instance(f"factorial_{name}", data.X, data.Y, beta, value, text)
