"""Every face of every loss says the same, for the package's own losses and for ones defined here by one class."""

import dataclasses
import itertools

import numpy as np
import pytest
from own_losses import OWN, Copied, Pinball, Tube
from scipy.optimize import minimize_scalar

import relucvx as rx
from relucvx.errors import DataFileError, InvalidInputError
from relucvx.losses import EXACT_PENALTY, LOSSES, Loss, check_faces
from relucvx.solver.conic import solve_conic

ALL = {loss.name: loss for loss in (*LOSSES.values(), EXACT_PENALTY, *OWN)}
ENTRYWISE = {name: loss for name, loss in ALL.items() if not loss.coupled}
LIPSCHITZ = {name: loss for name, loss in ALL.items() if np.isfinite(loss.gradient_lipschitz)}
X = np.random.default_rng(5).standard_normal((9, 2))
W = np.array([1.0, 0.5, 2.0, 1.0, 0.0, 1.0, 1.5, 1.0, 1.0])


def targets(loss, outputs=1, seed=0):
    rng = np.random.default_rng(seed)
    if loss.coupled:
        return np.eye(3)[[0, 1, 2, 0, 1, 2, 2, 1, 0]]
    Y = 2.0 * rng.standard_normal((9, outputs))
    return Y if loss.regression else np.where(Y > 0, 1.0, -1.0)


def fits(loss, count=5):
    rng = np.random.default_rng(1)
    Y = targets(loss, 2)
    return Y, [1.5 * rng.standard_normal(Y.shape) + (k % 2) * Y for k in range(count)]


@pytest.mark.parametrize("name", ALL)
def test_slopes_and_curvatures_are_derivatives_of_the_value(name):
    loss, h = ALL[name], 1e-6
    Y, cases = fits(loss)
    for F in cases:
        for i, k in np.ndindex(*F.shape):
            step = np.zeros_like(F)
            step[i, k] = h
            slope = (loss.value(F + step, Y, W) - loss.value(F - step, Y, W)) / (2 * h)
            assert loss.gradient(F, Y, W)[i, k] == pytest.approx(slope, abs=1e-7)
            bend = (loss.gradient(F + step, Y, W) - loss.gradient(F - step, Y, W)) / (2 * h)
            np.testing.assert_allclose(
                loss.curvature(F, Y, W, step.ravel()[:, None] / h).reshape(F.shape), bend, atol=1e-7
            )


@pytest.mark.parametrize("name", ENTRYWISE)
def test_the_dual_function_is_the_conjugate(name):
    """min over f of h(f) + T f by search, for T inside the box."""
    loss = ALL[name]
    y = targets(loss)[:1]
    lo, hi = (float(np.clip(b, -4.0, 4.0)[0, 0]) for b in loss.dual_bounds(y, np.ones(1)))
    for T in np.linspace(lo, hi, 9)[1:-1]:
        found = minimize_scalar(
            lambda f, T=T: loss.value(np.array([[f]]), y, np.ones(1)) + T * f, (-5.0, 5.0), tol=1e-12
        )
        assert loss.dual_value(np.array([[T]]), y, np.ones(1)) == pytest.approx(found.fun, abs=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_fenchel_equality(name):
    loss = ALL[name]
    Y, cases = fits(loss)
    for F in cases:
        N = -loss.gradient(F, Y, W)
        assert loss.dual_value(N, Y, W) == pytest.approx(loss.value(F, Y, W) + np.sum(N * F), abs=1e-12)
    check_faces(loss, Y)


@pytest.mark.parametrize("name", ALL)
def test_subgradients_enclose_the_slopes_around(name):
    loss = ALL[name]
    Y, cases = fits(loss)
    for F in (*cases, Y, Y + 0.2, Y - 0.2):
        lo, hi = loss.subgradient_bounds(F, Y, W, 1e-9)
        assert (lo <= hi).all()
        if loss.smooth:
            np.testing.assert_array_equal(lo, hi)
        for move in (-1e-10, 1e-10):
            G = loss.gradient(F + move, Y, W)
            assert ((lo <= G + 1e-8) & (hi >= G - 1e-8)).all()


@pytest.mark.parametrize("name", LIPSCHITZ)
def test_gradients_are_as_lipschitz_as_stated(name):
    loss = ALL[name]
    Y, cases = fits(loss, 12)
    ratios = [
        np.linalg.norm(loss.gradient(F, Y, np.ones(9)) - loss.gradient(G, Y, np.ones(9)), axis=1)
        / np.linalg.norm(F - G, axis=1)
        for F, G in itertools.pairwise(cases)
    ]
    assert np.max(ratios) <= loss.gradient_lipschitz * (1 + 1e-12)
    J = np.eye(18)[:, :2] if not loss.coupled else np.eye(27)[:, :3]
    near = loss.curvature(0.0 * Y + 1e-3, Y, np.ones(9), J)
    assert np.linalg.norm(near, 2) <= loss.gradient_lipschitz * (1 + 1e-12)


@pytest.mark.parametrize("name", ENTRYWISE)
def test_constants_are_the_best_ones(name):
    loss = ALL[name]
    Y = targets(loss, 2)
    for beta in (0.0, 0.7):
        b = loss.decayed_constant(Y, W, beta) if beta else loss.best_constant(Y, W)
        for k in range(2):
            cost = lambda t, k=k, beta=beta: loss.value(np.full((9, 1), t), Y[:, [k]], W) + 0.5 * beta * t * t  # noqa: E731
            grid = np.concatenate([np.linspace(-4, 4, 801), b[k] + np.array([-1e-4, 1e-4])])
            assert cost(b[k]) <= min(map(cost, grid)) + 1e-12


@pytest.mark.parametrize("name", ALL)
def test_the_cvxpy_expression_is_the_value(name):
    cp = pytest.importorskip("cvxpy")
    loss = ALL[name]
    Y, cases = fits(loss)
    for F in cases:
        found = loss.checked_expression(cp.Constant(F), Y, W).value
        assert float(found) == pytest.approx(loss.value(F, Y, W), rel=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_torch_formulas_are_those_of_numpy(name):
    torch = pytest.importorskip("torch")
    loss = ALL[name]
    Y, cases = fits(loss, 4)
    F = torch.tensor(np.stack([f.T for f in cases]), requires_grad=True)
    targets_, weight = torch.tensor(Y.T), torch.tensor(W)
    value, slopes = loss.torch_value_and_slopes(F.detach(), targets_, weight)
    np.testing.assert_allclose(value.numpy(), [loss.value(f, Y, W) for f in cases], rtol=1e-12)
    expected = np.stack([loss.gradient(f, Y, W).T for f in cases])
    np.testing.assert_allclose(slopes.numpy(), expected, atol=1e-12)
    loss.torch_value(F, targets_, weight).sum().backward()
    np.testing.assert_allclose(F.grad.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("bias", ["none", "all", "free"])
@pytest.mark.parametrize("name", [loss.name for loss in OWN])
def test_every_door_knows_a_loss_of_one_s_own(name, bias, tmp_path):
    loss = ALL[name]
    y = targets(loss)[:, 0]
    solution = rx.solve(X, y, 0.2, loss=loss, bias=bias)
    assert solution.status is rx.Status.CONVERGED, solution
    inputs = X if bias == "none" else np.hstack([X, np.ones((9, 1))])
    program = rx.ConvexProgram(X, y, beta=0.2, loss=loss, bias=bias, arrangement=rx.enumerate_patterns(inputs))
    form = program.to_cvxpy()
    form.problem.solve(solver="CLARABEL")
    assert solution.objective == pytest.approx(form.problem.value, rel=1e-6)
    conic = rx.solve(X, y, 0.2, loss=loss, bias=bias, solver="conic")
    assert conic.objective == pytest.approx(solution.objective, rel=1e-6)
    proof = rx.certify(solution.network, X, y, 0.2, loss=loss, bias=bias)
    assert proof.lower <= solution.objective * (1 + 1e-9)
    assert proof.rel_gap <= (1e-5 if loss.smooth else 1e-2)
    lo, hi = rx.beta_max(X, y, loss=loss, bias=bias)
    assert lo <= hi
    problem = rx.make_problem(X, y, hi * (1 + 1e-6), loss, bias)
    reference = rx.solve(X, y, problem.beta, loss=loss, bias=bias)
    assert reference.certificate.lower <= problem.null_value() * (1 + 1e-9)
    assert problem.null_value() <= reference.objective * (1 + 1e-6)
    if lo > 0:
        below = rx.solve(X, y, 0.98 * lo, loss=loss, bias=bias)
        assert below.objective < below.problem.null_value()
    values = [s.objective for s in rx.beta_path(X, y, [0.4, 0.2], loss=loss, bias=bias)]
    assert values[1] == pytest.approx(solution.objective, rel=1e-5)
    assert values[0] >= values[1]
    try:
        found = rx.optimal_set(solution)
    except InvalidInputError:
        found = None  # only where the gap is too wide
    assert found is None or np.isfinite(found.objective)
    again = rx.load(solution.save(tmp_path / "own"), loss=loss)
    assert again.objective == solution.objective
    assert again.problem.loss == loss


@pytest.mark.parametrize("name", [loss.name for loss in OWN])
def test_a_loss_of_one_s_own_is_trained_and_compared(name):
    pytest.importorskip("torch")
    loss = ALL[name]
    y = targets(loss)[:, 0]
    runs = rx.train(X, y, 0.2, loss=loss, width=20, seeds=range(2), max_steps=300)
    solution = rx.solve(X, y, 0.2, loss=loss)
    for run in runs:
        assert run.objective == pytest.approx(rx.certify(run.network, X, y, 0.2, loss=loss).upper, rel=1e-9)
        assert run.objective >= solution.certificate.lower
    report = rx.compare(X, y, 0.2, runs=runs, loss=loss, solution=solution)
    assert report.to_dict()["problem"]["loss"] == name


def test_a_copy_of_the_squared_loss_is_the_squared_loss():
    """Whether made by replacing the name or written anew."""
    y = targets(LOSSES["squared"])[:, 0]
    reference = rx.solve(X, y, 0.1)
    for loss in (dataclasses.replace(LOSSES["squared"], name="mine"), Copied("squared", True)):
        assert rx.solve(X, y, 0.1, loss=loss).objective == pytest.approx(reference.objective, rel=1e-9)
        program = rx.ConvexProgram(X, y, beta=0.1, loss=loss, arrangement=rx.enumerate_patterns(X))
        assert solve_conic(program).value == pytest.approx(reference.objective, rel=1e-6)


def test_a_saved_loss_of_one_s_own_is_asked_for(tmp_path):
    y = targets(LOSSES["squared"])[:, 0]
    own = Copied("squared", True)  # a name that the package knows, too
    path = rx.solve(X, y, 0.1, loss=own).save(tmp_path / "own")
    with pytest.raises(
        DataFileError, match=r"of class .*Copied; received loss=None.*path, loss=loss.*being its Copied"
    ):
        rx.load(path)
    with pytest.raises(DataFileError, match=r"of class .*Copied"):
        rx.load(path, loss=LOSSES["squared"])
    assert rx.load(path, loss=own).problem.loss == own
    path = rx.solve(X, y, 0.1).save(tmp_path / "plain")
    assert rx.load(path, loss=LOSSES["squared"]).problem.loss is LOSSES["squared"]
    with pytest.raises(DataFileError, match="of this package, or loss=None"):
        rx.load(path, loss=own)


def test_forgetting_a_face_is_an_error():
    with pytest.raises(TypeError, match="abstract"):
        type("Partial", (Loss,), {"_entries": Copied._entries, "_slopes": Copied._slopes})("partial", True)


def test_losses_are_equal_by_class_and_attributes_never_by_name():
    assert Pinball("pinball", False) == Pinball("pinball", False)
    assert Pinball("pinball", False) != Pinball("pinball", False, up=0.1)
    assert Copied("squared", True) != LOSSES["squared"]
    assert len({Tube("tube", False), Tube("tube", False), Tube("tube", False, 0.3)}) == 2
    plain = type("Plain", (Copied,), {})("a", True)
    assert plain == type(plain)("a", True)
    assert len({plain, type(plain)("a", True)}) == 1


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("bias", ["all", "free"])
@pytest.mark.parametrize("name", [name for name, loss in ENTRYWISE.items() if not loss.smooth])
def test_beta_max_of_kinked_losses_is_an_upper_bound(name, bias, outputs):
    """At hi the null network is optimal, with several outputs and with kinks between 0 and the best constant too."""
    loss = ALL[name]
    for seed in (0, 3):
        Y = targets(loss, outputs, seed) * (0.1 if loss.regression else 1.0)
        lo, hi = rx.beta_max(X, Y, loss=loss, bias=bias)
        assert 0.0 <= lo <= hi < np.inf
        null = rx.make_problem(X, Y, hi * (1 + 1e-6), loss, bias)
        found = rx.solve(X, Y, null.beta, loss=loss, bias=bias, time_limit=20)
        assert found.objective >= null.null_value() * (1 - 1e-6)
        if lo > 0:
            below = rx.solve(X, Y, 0.97 * lo, loss=loss, bias=bias, time_limit=20)
            assert below.objective < below.problem.null_value()
