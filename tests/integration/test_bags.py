"""Samples that are bags of rows, through every door that takes them: independent programs, invariances, and real networks."""

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import relucvx as rx
from relucvx.errors import InvalidInputError, UnsupportedError

RNG = np.random.default_rng(3)
X = RNG.standard_normal((6, 3, 2))
Y = RNG.standard_normal(6)
LABELS = np.where(Y > 0, 1.0, -1.0)
CLASSES = np.eye(3)[[0, 1, 2, 0, 1, 2]]
TARGETS = {
    "squared": Y, "huber": Y, "logistic": LABELS, "hinge": LABELS, "squared_hinge": LABELS, "cross_entropy": CLASSES,
}  # fmt: skip
BIASES = ("none", "hidden", "all", "free")


def objective(net, X, Y, beta):
    """Squared loss and weight decay of every weight and bias, from the definition."""
    F = net.predict(X)
    F = F[:, None] if F.ndim == 1 else F
    weights = [a for a in (net.weights_in, net.weights_out, net.bias_in, net.bias_out) if a is not None]
    return 0.5 * np.sum((F - Y.reshape(F.shape)) ** 2) + 0.5 * beta * sum(np.sum(a**2) for a in weights)


# ---------------------------------------------------------------------- independent references
def by_cvxpy(X, y, beta, A):
    """The convex program over all patterns of the rows, one read-out and one output, written out by hand."""
    rows = X.reshape(-1, X.shape[2])
    T = np.kron(np.eye(len(X)), A)
    patterns = rx.enumerate_patterns(rows).patterns
    fit, cost, constraints = 0, 0, []
    for pattern in patterns:
        signs = np.where(pattern, 1.0, -1.0)[:, None]
        for sign in (1.0, -1.0):
            u = cp.Variable(X.shape[2])
            fit = fit + sign * (T @ (pattern[:, None] * rows)) @ u
            cost = cost + cp.norm(u)
            constraints.append((signs * rows) @ u >= 0)
    problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(fit - y) + beta * cost), constraints)
    return problem.solve(solver="CLARABEL")


@pytest.mark.parametrize(("kind", "A"), [("mean", np.full((1, 3), 1 / 3)), ("sum", np.ones((1, 3)))])
def test_the_program_over_all_patterns_in_cvxpy(kind, A):
    sol = rx.solve(X, Y, 0.05, pooling=kind, tol=1e-9)
    assert sol.certificate.rel_gap <= 1e-9
    assert sol.objective == pytest.approx(by_cvxpy(X, Y, 0.05, A), rel=1e-6)


def test_weighted_sums_in_cvxpy():
    A = np.array([[2.0, -1.0, 0.5]])
    sol = rx.solve(X, Y, 0.05, pooling=A, tol=1e-9)
    assert sol.objective == pytest.approx(by_cvxpy(X, Y, 0.05, A), rel=1e-6)


@pytest.mark.parametrize("targets", [Y[:, None], RNG.standard_normal((6, 2))], ids=["one output", "two outputs"])
def test_flatten_against_dense_directions(targets):
    """In the plane a group lasso over a fine circle of directions is the problem up to the square of the step."""
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    W = np.column_stack([np.cos(angle), np.sin(angle)])
    H = np.maximum(X @ W.T, 0.0)  # (n, p, k)
    V = cp.Variable((720, 3 * targets.shape[1]))
    c = targets.shape[1]
    fit = sum(H[:, k] @ V[:, k * c : (k + 1) * c] for k in range(3))
    cost = 0.5 * cp.sum_squares(fit - targets) + 0.2 * cp.sum(cp.norm(V, axis=1))
    dense = cp.Problem(cp.Minimize(cost)).solve(solver="CLARABEL")
    sol = rx.solve(X, targets, 0.2, pooling="flatten", tol=1e-7)
    assert sol.certificate.lower <= dense * (1 + 1e-7)
    assert sol.objective == pytest.approx(dense, rel=1e-3)
    assert sol.network.weights_out.shape[1:] == (3, c)


# ---------------------------------------------------------------------- every loss, bias and read-out
def in_turn(losses, kinds):
    """Every loss with every bias and read-out; in the default run each bias has one read-out and each read-out two biases."""
    quick = {("none", "flatten"), ("hidden", "mean"), ("all", "flatten"), ("free", "sum"), ("free", "mean")}
    return [
        pytest.param(loss, bias, kind, marks=[] if (bias, kind) in quick else pytest.mark.slow)
        for loss in losses
        for bias in BIASES
        for kind in kinds
    ]


@pytest.mark.parametrize(("loss", "bias", "kind"), in_turn(TARGETS, ["mean", "sum", "flatten"]))
def test_certified_for_every_loss_and_bias(loss, bias, kind):
    targets = TARGETS[loss]
    problem = rx.make_problem(X, targets, 0.1, loss=loss, bias=bias, pooling=kind)
    sol = rx.solve(problem, time_limit=20.0)
    # kinked losses with several read-outs end where their dual points do
    kinked = loss == "hinge" and kind == "flatten"
    assert sol.certificate.rel_gap <= (0.05 if kinked else 1e-5)
    again = rx.certify(sol.network, X, targets, 0.1, loss=loss, bias=bias, pooling=kind, dual=sol.dual)
    assert again.upper == sol.objective
    # no network of plain training is below the bound
    if loss != "huber":
        runs = rx.train(problem, width=6, seeds=range(2), max_steps=200)
        assert runs.best.objective >= sol.certificate.lower * (1 - 1e-12)
        assert rx.certify(runs.best.network, problem).upper == pytest.approx(runs.best.objective, rel=1e-9)


@pytest.mark.parametrize(
    ("loss", "bias", "kind"), in_turn(["squared", "logistic", "hinge", "cross_entropy"], ["mean", "flatten"])
)
def test_nothing_pays_from_beta_max_on(loss, bias, kind):
    options = {"loss": loss, "bias": bias, "pooling": kind}
    low, high = rx.beta_max(X, TARGETS[loss], **options)
    assert 0.0 <= low <= high
    problem = rx.make_problem(X, TARGETS[loss], high * 1.001, **options)
    null = problem.stated(problem.null_network())
    assert rx.solve(problem).objective <= rx.certify(null, problem).upper * (1 + 1e-9)
    assert rx.solve(problem).objective >= rx.certify(null, problem).upper * (1 - 1e-5)
    if low > 0.9 * high and bias != "all":
        below = rx.make_problem(X, TARGETS[loss], 0.8 * low, **options)
        empty = rx.certify(below.stated(below.null_network()), below).upper
        assert rx.solve(below).objective < empty * (1 - 1e-6)


# ---------------------------------------------------------------------- the same problem in other words
@st.composite
def bags(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p, d = draw(st.integers(2, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    bias = draw(st.sampled_from(BIASES))
    return rng.standard_normal((n, p, d)), rng.standard_normal(n), draw(st.floats(0.05, 1.0)), bias, rng


def value(X, Y, beta, **options):
    sol = rx.solve(X, Y, beta, tol=1e-8, **options)
    return sol.certificate.lower, sol.objective


def same(a, b, gain=1.0):
    """Two certified intervals of one optimum overlap."""
    room = 1e-7 * max(abs(a[1]), 1e-12)
    return a[0] * gain <= b[1] + room and b[0] <= a[1] * gain + room


@settings(max_examples=10)
@given(bags())
def test_bags_of_one_row_are_the_ordinary_problem(drawn):
    X, Y, beta, bias, _ = drawn
    plain = value(X[:, 0], Y, beta, bias=bias)
    for kind in ("mean", "sum", "flatten"):
        assert same(plain, value(X[:, :1], Y, beta, bias=bias, pooling=kind))


@settings(max_examples=10)
@given(bags())
def test_order_of_rows_samples_and_groups(drawn):
    X, Y, beta, bias, rng = drawn
    first = value(X, Y, beta, bias=bias, pooling="mean")
    shuffled = np.array([rng.permutation(bag) for bag in X])
    assert same(first, value(shuffled, Y, beta, bias=bias, pooling="mean"))
    order = rng.permutation(len(X))
    assert same(first, value(X[order], Y[order], beta, bias=bias, pooling="mean"))
    groups, rows = np.repeat(np.arange(len(X)), X.shape[1]), rng.permutation(X.shape[0] * X.shape[1])
    assert same(first, value(X.reshape(-1, X.shape[2])[rows], Y, beta, bias=bias, groups=groups[rows]))


@settings(max_examples=10)
@given(bags())
def test_repeated_split_and_zero_rows(drawn):
    X, Y, beta, bias, _ = drawn
    first = value(X, Y, beta, bias=bias, pooling="mean")
    assert same(first, value(np.repeat(X, 2, axis=1), Y, beta, bias=bias, pooling="mean"))
    if bias != "none":
        return
    # a row is twice its half, and a zero row nothing, where no bias tells them apart
    whole = value(X, Y, beta, pooling="sum")
    halves = np.concatenate([X[:, :1] / 2, X[:, :1] / 2, X[:, 1:], np.zeros((len(X), 1, X.shape[2]))], axis=1)
    assert same(whole, value(halves, Y, beta, pooling="sum"))
    assert same(whole, value(X.shape[1] * X, Y, beta, pooling="mean"))


@settings(max_examples=10)
@given(bags(), st.integers(-9, 9), st.integers(-9, 9))
def test_units(drawn, a, b):
    X, Y, beta, _, _ = drawn
    s, t = 10.0**a, 10.0**b
    first = value(X, Y, beta, pooling="flatten")
    assert same(first, value(s * X, t * Y, beta * s * t, pooling="flatten"), gain=t * t)


def test_a_dense_read_out_by_name_and_by_matrix():
    for kind, A in (("mean", np.full((1, 3), 1 / 3)), ("sum", np.ones((1, 3))), ("flatten", np.eye(3))):
        assert same(value(X, Y, 0.1, pooling=kind), value(X, Y, 0.1, pooling=A))


# ---------------------------------------------------------------------- doors
def test_a_convolution_of_somebody_elses_loop_is_certified_as_it_is():
    torch.manual_seed(0)
    images, y = torch.randn(8, 1, 4, 4, dtype=torch.float64), torch.randn(8, dtype=torch.float64)
    module = nn.Sequential(
        nn.Conv2d(1, 6, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 1)
    ).double()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)

    def own():
        decay = sum((p**2).sum() for p in module.parameters())
        return 0.5 * ((module(images)[:, 0] - y) ** 2).sum() + 0.05 * decay

    for _ in range(100):
        optimizer.zero_grad()
        own().backward()
        optimizer.step()
    proof = rx.certify(module, images, y, 0.1, bias="all")
    assert proof.upper == pytest.approx(float(own().detach()), rel=1e-9)
    P = rx.patches(images, 2)
    best = rx.solve(P, y, 0.1, bias="all", pooling="mean", tol=1e-5)
    assert proof.lower <= best.objective * (1 + 1e-9)
    assert proof.upper >= best.certificate.lower
    written = rx.to_torch(best.network, size=2)
    with torch.no_grad():
        np.testing.assert_allclose(written(images).numpy()[:, 0], best.network.predict(P), rtol=1e-10, atol=1e-12)


def test_graphs_of_unequal_size():
    rng = np.random.default_rng(5)
    sizes = rng.integers(2, 6, 10)
    groups = np.repeat(np.arange(10), sizes)
    nodes, y = rng.standard_normal((len(groups), 3)), rng.choice([-1.0, 1.0], 10)
    sol = rx.solve(nodes, y, 0.1, loss="logistic", groups=groups)
    assert sol.certificate.rel_gap <= 1e-6
    F = np.array([np.mean(np.maximum(nodes[groups == i] @ sol.network.weights_in.T, 0.0), axis=0) for i in range(10)])
    np.testing.assert_allclose(sol.network.predict(nodes, groups), F @ sol.network.weights_out[:, 0, 0], rtol=1e-10)


def test_saved_and_loaded(tmp_path):
    for kind in ("mean", "flatten", np.array([[1.0, 2.0, 0.0]])):
        sol = rx.solve(X, Y, 0.1, bias="all", pooling=kind)
        again = rx.load(sol.save(tmp_path / "bags.npz"))
        assert again.objective == sol.objective
        assert np.array_equal(again.network.predict(X), sol.network.predict(X))
        resumed = rx.solve(again.problem, start=again)
        assert resumed.objective <= sol.objective * (1 + 1e-12)


def test_path_and_compare():
    problem = rx.make_problem(X, Y, 0.1, pooling="mean")
    values = [s.objective for s in rx.beta_path(X, Y, [1.0, 0.1], pooling="mean")]
    assert values[1] == pytest.approx(rx.solve(problem).objective, rel=1e-5)
    runs = rx.train(problem, width=8, seeds=range(2), record=["kernel", "participation_ratio"])
    assert runs.runs[0].history["kernel"].shape[1:] == (6, 6)
    found = rx.compare(problem, runs)
    assert [row.rel_gap >= 0 for row in found.rows] == [True, True]
    assert "one row each" in str(found)


def test_the_objective_is_the_definitions():
    for kind in ("mean", "flatten"):
        sol = rx.solve(X, Y, 0.1, bias="all", pooling=kind)
        assert sol.objective == pytest.approx(objective(sol.network, X, Y, 0.1), rel=1e-12)


WITH_BIAS = rx.make_problem(X, Y, 1.0, pooling="flatten", bias="all")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: rx.GatedRelaxation(
                rx.make_problem(X, Y, 1.0, pooling="flatten"), rx.enumerate_patterns(X.reshape(-1, 2))
            ),
            "gated relaxation; received 3 read-outs",
        ),
        (
            lambda: rx.ConvexProgram(WITH_BIAS, arrangement=rx.enumerate_patterns(WITH_BIAS.inputs)),
            "rank 3, with 3 output weights",
        ),
        (lambda: rx.train(X, Y, 0.1, pooling="mean", depth=3), "2 hidden layers"),
        (lambda: rx.train(X, Y, 0.1, pooling="mean", optimizer="sgd"), "batch size"),
        (lambda: rx.train(X, Y, 0.1, pooling="mean", activation="tanh"), "tanh"),
    ],
)
def test_what_is_there_for_single_rows_only_says_so(call, message):
    with pytest.raises(UnsupportedError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rx.solve(X, Y, 0.1), "shape"),
        (lambda: rx.solve(X, Y[:5], 0.1, pooling="mean"), "6 samples"),
        (lambda: rx.solve(X[:, 0], Y, 0.1, pooling="mean"), "relucvx.patches"),
        (lambda: rx.solve(X, Y, 0.1, pooling="max"), "pooling="),
        (lambda: rx.solve(X.reshape(-1, 2), Y, 0.1, groups=np.zeros(18)), "1 samples"),
        (lambda: rx.certify(rx.TwoLayerReLU([[1.0, 0.0]], [1.0]), X, Y, 0.1, pooling="mean"), "bags of rows"),
        (lambda: rx.certify(rx.PooledReLU([[1.0, 0.0]], [1.0]), X[:, 0], Y, 0.1), "a network for rows"),
        (lambda: rx.certify(rx.PooledReLU([[1.0, 0.0]], [1.0]), X, Y, 0.1, pooling="sum"), "pooling='sum'"),
        (
            lambda: rx.solve(
                X.reshape(-1, 2), Y, 0.1, bias="free", pooling="sum", groups=[0] * 8 + [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
            ),
            "equal size",
        ),
    ],
)
def test_bags_that_do_not_fit_are_refused(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
