"""Recover and lift are inverse in objective and fit."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import InvalidInputError, LiftingError
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.atoms import ConvexPrimal, MomentPrimal
from relucvx.program.model import ConvexProgram
from relucvx.program.objective import balanced_objective, fit, objective
from relucvx.program.posing import make_problem
from relucvx.program.recovery import lift_network, recover_network
from relucvx.types import Bias, as_activation


def program(X, bias="none", activation="relu", seed=0):
    y = np.random.default_rng(seed).normal(size=len(X))
    problem = make_problem(X, y, 0.4, bias=bias, activation=activation)
    return ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs))


def random_net(prog, rng, m=6):
    p = prog.problem
    return TwoLayerReLU(
        rng.normal(size=(m, p.n_features)),
        rng.normal(size=(m, 1)),
        bias_in=None if p.bias == "none" else rng.normal(size=m),
        bias_out=rng.normal(size=1) if p.bias in ("all", "free") else None,
        activation=p.activation,
        scalar_output=True,
    )


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs", (0.5, -2.0)])
@pytest.mark.parametrize("bias", Bias)
def test_lift_then_recover_keeps_fit_and_objective(bias, activation):
    rng = np.random.default_rng(1)
    prog = program(rng.normal(size=(6, 2)), bias, activation)
    for _ in range(5):
        net = random_net(prog, rng)
        primal = lift_network(net, prog)
        F = fit(prog.problem, net)
        assert primal.cone_violation(prog.problem, prog.patterns) <= 1e-14
        np.testing.assert_allclose(primal.fit(prog.problem, prog.patterns), F, atol=1e-12)
        assert primal.objective(prog.problem, prog.patterns) <= balanced_objective(prog.problem, net) + 1e-12
        back = recover_network(prog, primal)
        assert back.scalar_output
        np.testing.assert_allclose(fit(prog.problem, back), F, atol=1e-12)
        lifted = primal.objective(prog.problem, prog.patterns)
        assert objective(prog.problem, back) == pytest.approx(lifted, rel=1e-12)
        assert balanced_objective(prog.problem, back) == pytest.approx(lifted, rel=1e-12)
        again = lift_network(back, prog)
        np.testing.assert_allclose(again.positive, primal.positive, atol=1e-12)
        np.testing.assert_allclose(again.negative, primal.negative, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=2, max_size=6),
    neurons=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=4),
)
def test_degenerate_data_and_neurons_on_walls(rows, neurons):
    prog = program(np.array(rows, float) / 2)
    table = np.array(neurons, float)
    net = TwoLayerReLU(table[:, :2], table[:, 2:])
    primal = lift_network(net, prog)
    np.testing.assert_allclose(primal.fit(prog.problem, prog.patterns), fit(prog.problem, net), atol=1e-10)
    back = recover_network(prog, primal)
    np.testing.assert_allclose(fit(prog.problem, back), fit(prog.problem, net), atol=1e-10)
    assert objective(prog.problem, back) <= balanced_objective(prog.problem, net) + 1e-10


def test_a_wall_neuron_goes_to_whichever_neighbour_the_program_has():
    prog = program(np.array([[1.0, 0.0], [0.0, 1.0]]))
    net = TwoLayerReLU([[0.0, 1.0]], [1.0])  # on the wall of the first sample
    for keep in ([True, True], [False, True]):
        k = np.flatnonzero((prog.patterns == keep).all(axis=1))
        one = dataclasses.replace(
            prog.arrangement, patterns=prog.patterns[k], generators=prog.arrangement.generators[k]
        )
        primal = lift_network(net, ConvexProgram(prog.problem, arrangement=one))
        np.testing.assert_array_equal(primal.positive, [[0.0, 1.0]])


def test_lifting_outside_the_patterns_names_the_neurons():
    prog = program(np.array([[1.0, 0.0], [0.0, 1.0]]))
    k = np.flatnonzero(prog.patterns.all(axis=1))
    one = dataclasses.replace(prog.arrangement, patterns=prog.patterns[k], generators=prog.arrangement.generators[k])
    few = ConvexProgram(prog.problem, arrangement=one)
    net = TwoLayerReLU([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], [1.0, 1.0, -1.0, 0.0])
    with pytest.raises(LiftingError, match="program's 1 patterns; received 2 outside: neurons 1, 2;"):
        lift_network(net, few)
    many = TwoLayerReLU(np.tile([[-1.0, 1.0]], (12, 1)), np.ones(12))
    with pytest.raises(LiftingError, match="12 outside: neurons 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"):
        lift_network(many, few)


def test_lifting_checks_the_network():
    prog = program(np.eye(2))
    with pytest.raises(InvalidInputError, match="3 features"):
        lift_network(TwoLayerReLU(np.ones((1, 3)), np.ones((1, 1))), prog)
    with pytest.raises(InvalidInputError, match="activation relu"):
        lift_network(TwoLayerReLU(np.ones((1, 2)), np.ones((1, 1)), activation=as_activation("abs")), prog)


def test_missing_biases_lift_as_zero():
    prog = program(np.random.default_rng(0).normal(size=(5, 2)), "all")
    net = TwoLayerReLU([[1.0, 2.0]], [-1.0])
    primal = lift_network(net, prog)
    np.testing.assert_array_equal(primal.negative.sum(axis=0), [1.0, 2.0, 0.0])
    assert primal.bias_out[0] == 0.0


def test_recovery_refuses_points_of_other_programs():
    prog = program(np.eye(2))
    with pytest.raises(InvalidInputError, match="it is another program's"):
        recover_network(prog, ConvexPrimal(np.zeros((1, 2)), np.zeros((1, 2))))


def test_recovery_of_zero_has_no_neurons():
    for bias in Bias:
        prog = program(np.random.default_rng(0).normal(size=(4, 2)), bias)
        zero = np.zeros((len(prog.patterns), prog.problem.n_inputs))
        net = recover_network(prog, ConvexPrimal(zero, zero))
        assert net.width == 0
        assert (net.bias_in is None) == (bias == "none")
        assert objective(prog.problem, net) == prog.problem.loss_at(np.zeros((4, 1)))


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
def test_free_blocks_without_weights_become_output_bias(activation):
    prog = program(np.random.default_rng(0).normal(size=(4, 2)), "free", activation)
    positive = np.zeros((len(prog.patterns), 3))
    negative = np.zeros_like(positive)
    on = int(np.flatnonzero(prog.patterns.all(axis=1))[0])
    off = int(np.flatnonzero(~prog.patterns.any(axis=1))[0])
    positive[on], negative[off] = [0.0, 0.0, 5.0], [0.0, 0.0, -3.0]
    primal = ConvexPrimal(positive, negative, np.array([0.5]))
    net = recover_network(prog, primal)
    assert net.width == 0
    np.testing.assert_allclose(fit(prog.problem, net), primal.fit(prog.problem, prog.patterns), rtol=1e-14)
    assert objective(prog.problem, net) == pytest.approx(primal.objective(prog.problem, prog.patterns), rel=1e-14)


# ---------------------------------------------------------------------- several outputs, in a plane
def flat_program(bias="none", activation="relu", features=None, seed=0, outputs=2):
    """Inputs of rank two with the bias, in two features or more."""
    rng = np.random.default_rng(seed)
    plain = 2 if bias == "none" else 1
    X = rng.normal(size=(6, plain))
    if features is not None:
        X = X @ rng.normal(size=(plain, features)) + (0.0 if bias == "none" else rng.normal(size=features))
    problem = make_problem(X, rng.normal(size=(6, outputs)), 0.4, bias=bias, activation=activation)
    return ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs))


def random_vector_net(prog, rng, m=9):
    p = prog.problem
    return TwoLayerReLU(
        rng.normal(size=(m, p.n_features)) * 10.0 ** rng.uniform(-2, 2, size=(m, 1)),
        rng.normal(size=(m, p.n_outputs)),
        bias_in=None if p.bias == "none" else rng.normal(size=m),
        bias_out=rng.normal(size=p.n_outputs) if p.bias in ("all", "free") else None,
        activation=p.activation,
    )


@pytest.mark.parametrize("features", [None, 4])
@pytest.mark.parametrize("activation", ["relu", "abs", (0.5, -2.0)])
@pytest.mark.parametrize("bias", Bias)
def test_several_outputs_lift_and_recover(bias, activation, features):
    rng = np.random.default_rng(1)
    prog = flat_program(bias, activation, features)
    for _ in range(3):
        net = random_vector_net(prog, rng)
        F, upper = fit(prog.problem, net), balanced_objective(prog.problem, net)
        primal = lift_network(net, prog)
        scale = np.abs(F).max()
        assert primal.cone_violation(prog.problem, prog.patterns) <= 1e-10 * scale
        np.testing.assert_allclose(primal.fit(prog.problem, prog.patterns), F, atol=1e-11 * scale)
        lifted = primal.objective(prog.problem, prog.patterns)
        assert lifted <= upper * (1 + 1e-12)
        # where the neurons lie in the plane already nothing is saved
        if features is None:
            assert lifted == pytest.approx(upper, rel=1e-12)
        back = recover_network(prog, primal)
        assert back.width <= 2 * len(prog.patterns)
        np.testing.assert_allclose(fit(prog.problem, back), F, atol=1e-8 * scale)
        assert objective(prog.problem, back) <= lifted * (1 + 1e-9)
        assert objective(prog.problem, back) == pytest.approx(balanced_objective(prog.problem, back), rel=1e-12)
        # two neurons for each cell: their moments are all that there is to say
        again = lift_network(back, prog)
        assert again.objective(prog.problem, prog.patterns) == pytest.approx(objective(prog.problem, back), rel=1e-9)


def test_moments_of_degenerate_inputs_and_neurons_on_walls():
    X = np.array([[1.0, 2.0], [1.0, 2.0], [-2.0, -4.0], [0.0, 0.0], [0.5, -1.0]])
    problem = make_problem(X, np.ones((5, 2)), 0.4)
    prog = ConvexProgram(problem, arrangement=enumerate_patterns(X))
    net = TwoLayerReLU(
        [[2.0, -1.0], [-2.0, 1.0], [2.0, 1.0], [1.0, 1.0], [0.0, 0.0], [3.0, 0.0]],
        [[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [-1.0, 0.5], [1.0, 1.0], [0.0, 0.0]],
    )
    primal = lift_network(net, prog)
    np.testing.assert_allclose(primal.fit(problem, prog.patterns), fit(problem, net), atol=1e-12)
    back = recover_network(prog, primal)
    np.testing.assert_allclose(fit(problem, back), fit(problem, net), atol=1e-10)
    assert objective(problem, back) <= balanced_objective(problem, net) * (1 + 1e-10)


def test_constants_of_a_free_bias_become_output_bias():
    prog = flat_program("free", "leaky_relu")
    net = TwoLayerReLU([[0.0], [0.0]], [[1.0, 2.0], [3.0, -1.0]], bias_in=[2.0, -1.0], bias_out=[0.5, 0.5],
                       activation=prog.problem.activation)  # fmt: skip
    primal = lift_network(net, prog)
    assert not primal.moments.any()
    np.testing.assert_allclose(primal.bias_out, [0.5 + 2.0 - 0.03, 0.5 + 4.0 + 0.01])
    back = recover_network(prog, primal)
    assert back.width == 0
    np.testing.assert_allclose(fit(prog.problem, back), fit(prog.problem, net), rtol=1e-14)


def test_several_outputs_outside_the_patterns_and_points_of_other_programs():
    prog = flat_program()
    few = dataclasses.replace(prog.arrangement, patterns=prog.patterns[:1], generators=prog.arrangement.generators[:1])
    net = TwoLayerReLU(np.vstack([prog.arrangement.generators[:1], -prog.arrangement.generators[:1]]), np.ones((2, 2)))
    with pytest.raises(LiftingError, match="program's 1 patterns; received 1 outside: neurons 1;"):
        lift_network(net, ConvexProgram(prog.problem, arrangement=few))
    with pytest.raises(InvalidInputError, match=r"moments of shape \(12, 4, 4\); received shape \(1, 4, 4\).*another"):
        recover_network(prog, MomentPrimal(np.zeros((1, 4, 4)), np.eye(2)))
    with pytest.raises(InvalidInputError, match="primal to be a MomentPrimal"):
        recover_network(prog, ConvexPrimal(np.zeros((12, 2)), np.zeros((12, 2))))


def test_far_from_the_origin_a_neuron_goes_to_its_own_side():
    """The width of a wall grows with ||x||; a sample clearly on one side must not be read on the other."""
    X = 1e6 + np.arange(4.0)[:, None]
    problem = make_problem(X, np.ones(4), 0.4, bias="free")
    prog = ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs))
    net = TwoLayerReLU([[1.0]], [1.0], bias_in=[-1e6 - 1.5], bias_out=[0.0], scalar_output=True)
    primal = lift_network(net, prog)
    np.testing.assert_allclose(primal.fit(problem, prog.patterns)[:, 0], [0.0, 0.0, 0.5, 1.5], atol=1e-6)
