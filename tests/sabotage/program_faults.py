"""Faults in losses, program, oracle, certificate, solver, training and networks."""

from sabotage.fault import Fault

LOSS = (
    Fault(
        "logistic conjugate x 1.2",
        "losses.logistic:Logistic._dual_terms",
        "return -t * np.log(np.maximum(t, TINY)), -(1.0 - t)",
        "return -1.2 * t * np.log(np.maximum(t, TINY)), -1.2 * (1.0 - t)",
        "verify dual-function",
    ),
    Fault(
        "logistic conjugate x 1.2, seen at the optimum",
        "losses.logistic:Logistic._dual_terms",
        "return -t * np.log(np.maximum(t, TINY)), -(1.0 - t)",
        "return -1.2 * t * np.log(np.maximum(t, TINY)), -1.2 * (1.0 - t)",
        "verify optimum-logistic",
    ),
    Fault(
        "cross-entropy conjugate x 1.2",
        "losses.cross_entropy:CrossEntropy._dual_terms",
        "return -t",
        "return -1.2 * t",
        "verify dual-function",
    ),
    Fault(
        "cross-entropy conjugate x 1.2, seen at the optimum",
        "losses.cross_entropy:CrossEntropy._dual_terms",
        "return -t",
        "return -1.2 * t",
        "verify optimum-cross-entropy",
    ),
    Fault(
        "Huber conjugate's square with 0.4",
        "losses.huber:Huber._dual_terms",
        "-0.5 * T * T",
        "-0.4 * T * T",
        "verify optimum-huber",
    ),
    Fault(
        "squared hinge's conjugate with 1/5",
        "losses.squared_hinge:SquaredHinge._dual_terms",
        "-0.25 * T * T",
        "-0.2 * T * T",
        "verify optimum-squared-hinge",
    ),
    Fault(
        "hinge conjugate x 1.1",
        "losses.hinge:Hinge._dual_terms",
        "return T * Y",
        "return 1.1 * T * Y",
        "verify optimum-hinge",
    ),
    Fault(
        "squared loss without its half", "losses.squared:Squared._entries", "0.5 *", "1.0 *", "verify optimum-squared"
    ),
    Fault(
        "logistic slope without its sign",
        "losses.logistic:Logistic._slopes",
        "return -Y * _",
        "return Y * _",
        "verify optimum-logistic",
    ),
    Fault(
        "cross-entropy gradient without the targets",
        "losses.cross_entropy:CrossEntropy._slopes",
        " - Y",
        " - 0.5 * Y",
        "verify optimum-cross-entropy",
    ),
    Fault(
        "Huber turns at 2",
        "losses.huber:Huber._entries",
        "np.minimum(r, 1.0)",
        "np.minimum(r, 2.0)",
        "verify optimum-huber",
    ),
    Fault(
        "squared hinge slope halved",
        "losses.squared_hinge:SquaredHinge._slopes",
        "-2.0 * Y",
        "-1.0 * Y",
        "verify optimum-squared-hinge",
    ),
    Fault("hinge margin at 0.9", "losses.hinge:Hinge._entries", "1.0 - Y * F", "0.9 - Y * F", "verify optimum-hinge"),
    Fault(
        "weights forgotten in the mean",
        "losses.squared:Squared.best_constant",
        "w @ Y / w.sum()",
        "Y.mean(axis=0)",
        "pytest tests/losses/test_constants.py",
    ),
)

PROGRAM = (
    Fault(
        "output bias not decayed",
        "program.objective:_decay",
        "if problem.bias.decays_output",
        'if problem.bias == "never"',
        "verify optimum-squared",
    ),
    Fault(
        "balanced penalty of squares",
        "program.objective:_balanced_decay",
        "np.sqrt(squares) @",
        "squares @",
        "verify network-objective",
    ),
    Fault(
        "objective with twice the decay",
        "program.objective:objective",
        "problem.beta * _decay",
        "2.0 * problem.beta * _decay",
        "verify network-objective",
    ),
    Fault(
        "balanced objective with twice the penalty",
        "program.objective:balanced_objective",
        "problem.beta * _balanced_decay",
        "2.0 * problem.beta * _balanced_decay",
        "verify network-objective",
    ),
    Fault(
        "output bias dropped from the dual function",
        "program.duality:dual_objective",
        "if problem.bias.decays_output:",
        'if problem.bias == "never":',
        "verify dual-function",
    ),
    Fault(
        "output bias dropped from the certified dual value",
        "program.duality:_dual_from_below",
        "if problem.bias.decays_output:",
        'if problem.bias == "never":',
        "verify optimum-squared",
    ),
    Fault(
        "output bias term halved in the dual",
        "program.duality:dual_objective",
        "(2.0 * problem.beta)",
        "(4.0 * problem.beta)",
        "verify dual-function",
    ),
    Fault(
        "residual with the wrong sign",
        "program.duality:residual",
        "return -problem",
        "return problem",
        "verify optimum-squared",
    ),
    Fault(
        "dual point scaled past beta",
        "program.duality:scale_dual",
        "dual_norm_upper * (1.0 + 8.0 * EPS)",
        "0.9 * dual_norm_upper",
        "verify optimum-logistic",
    ),
    Fault(
        "free biases: dual point left unbalanced",
        "program.duality:balance_dual",
        "return loss.exact_zero_sums(loss.shift_to_zero(N, Y, w), Y, w)",
        "return N",
        "pytest tests/program/test_duality.py",
    ),
    Fault("outputs without their bias", "program.objective:fit", "F + net.bias_out", "F", "verify optimum-huber"),
    Fault(
        "cones let out by one in the conic program",
        "program.cvxpy_form:build",
        "cp.multiply(signs, Xa @ block) >= 0",
        "cp.multiply(signs, Xa @ block) >= -1",
        "verify equivalence-of-optima",
    ),
    Fault(
        "negative blocks unpenalised",
        "program.cvxpy_form:build",
        "norms = norms + cp.sum(cp.norm(negative[:k], axis=0))",
        "norms = norms + 0.5 * cp.sum(cp.norm(negative[:k], axis=0))",
        "verify equivalence-of-optima",
    ),
    Fault(
        "gated blocks under half the penalty",
        "program.cvxpy_form:build",
        "penalty = beta * norms",
        "penalty = beta * norms * (1.0 if cones else 0.5)",
        "verify gated-relaxation",
    ),
    Fault(
        "recovered neurons not balanced",
        "program.recovery:recover_network",
        "root = np.sqrt(norms[alive])",
        "root = norms[alive]",
        "verify lift-and-recover",
    ),
    Fault(
        "recovered signs lost",
        "program.recovery:recover_network",
        "(sign[alive] * root)",
        "(1.0 * root)",
        "verify lift-and-recover",
    ),
    Fault(
        "lifting forgets the output weight",
        "program.recovery:lift_network",
        "abs(weights[j]) * lifted[j]",
        "lifted[j]",
        "verify lift-and-recover",
    ),
    Fault(
        "null network ignores the decay of its bias",
        "program.problem:Problem.null_value",
        "0.5 * self.beta",
        "0.0",
        "verify null-network",
    ),
    Fault(
        "mean squared error counted twice",
        "program.conventions:from_mean_squared_error",
        "* _count(n)",
        "* 2 * _count(n)",
        "verify conventions",
    ),
    Fault(
        "mean loss divided, not multiplied",
        "program.conventions:from_mean_loss",
        "* _count(n)",
        "/ _count(n)",
        "verify conventions",
    ),
)

ORACLE = (
    Fault(
        "linear part of the activation forgotten",
        "oracle.form:Geometry.form",
        "activation.linear * (self.reduced.T @ N)",
        "0.0 * (self.reduced.T @ N)",
        "verify dual-norm-bounds",
    ),
    Fault(
        "hinge part of the activation doubled",
        "oracle.form:Geometry.form",
        "activation.hinge * N",
        "2.0 * activation.hinge * N",
        "verify dual-norm-bounds",
    ),
    Fault(
        "spectral bound halved",
        "oracle.dual_norm_bound:spectral_bound",
        "return float(gain * (",
        "return float(0.5 * gain * (",
        "pytest tests/oracle/test_enumeration.py",
    ),
    Fault(
        "enumerated bound of one side only",
        "oracle.enumeration:bound_cells",
        "for side in range(2)",
        "for side in range(1)",
        "pytest tests/oracle/test_enumeration.py",
        True,
    ),
    Fault(
        "enumerated bound drops a sample",
        "oracle.enumeration:bound_cells",
        "for i in range(n):\n            if patterns",
        "for i in range(n - 1):\n            if patterns",
        "pytest tests/oracle/test_enumeration.py",
        True,
    ),
    Fault(
        "enumerated bound x 0.9",
        "oracle.enumeration:enumerated_bound",
        "return upper +",
        "return 0.9 * upper +",
        "pytest tests/oracle/test_enumeration.py",
    ),
)

ARRANGEMENT = (
    Fault(
        "Cover's count one term long",
        "arrangement.counting:count_patterns",
        "for k in range(r)",
        "for k in range(r + 1)",
        "verify patterns-complete",
    ),
    Fault(
        "Cover's count of n instead of n - 1",
        "arrangement.counting:count_patterns",
        "(n - 1 - k)",
        "(n - k)",
        "verify patterns-complete",
    ),
)

CERTIFICATE = (
    Fault(
        "beta_max 7 % too low",
        "certificate.beta_max:_interval",
        "return bound.lower, bound.upper",
        "return 0.93 * bound.lower, 0.93 * bound.upper",
        "verify beta-max",
    ),
    Fault(
        "beta_max 20 % too high",
        "certificate.beta_max:_interval",
        "return bound.lower, bound.upper",
        "return 1.2 * bound.lower, 1.2 * bound.upper",
        "verify beta-max-of-every-loss",
    ),
    Fault(
        "second optima not looked at",
        "certificate.optimal_set:_verdict",
        "if second is not None:",
        "if False:",
        "verify set-of-optima",
    ),
    Fault(
        "vertices of twice the norm",
        "certificate.optima:network_of",
        "np.sqrt(",
        "np.sqrt(2.0 * ",
        "verify set-of-optima",
    ),
)

TRAINING = (
    Fault(
        "training decays free biases",
        "training.objective:Shape.decay",
        "if not self.bias.is_free:",
        "if True:",
        "verify training-objective",
    ),
    Fault(
        "training without the half of the decay",
        "training.objective:BatchedObjective.evaluate",
        "0.5 * self.beta",
        "self.beta",
        "verify training-objective",
    ),
    Fault(
        "gradient of the output bias averaged",
        "training.objective:BatchedObjective._block",
        "copy_(G.sum(-1))",
        "copy_(G.mean(-1))",
        "verify training-objective",
    ),
    Fault(
        "gradient of the decay forgotten",
        "training.objective:BatchedObjective.evaluate",
        "alpha=self.beta",
        "alpha=0.0",
        "verify training-objective",
    ),
)

NETWORK = (
    Fault(
        "balancing to unequal norms",
        "network.transform:_balanced",
        "np.sqrt(inner_norms) * np.sqrt(outer_norms)",
        "1.1 * np.sqrt(inner_norms) * np.sqrt(outer_norms)",
        "verify lift-and-recover",
    ),
    Fault(
        "merging loses a neuron's share",
        "network.transform:merge",
        "total = pieces.sum(axis=0)",
        "total = pieces[0]",
        "verify lift-and-recover",
    ),
    Fault(
        "torch without the output bias",
        "network.convert:to_torch",
        "net.weights_out.T, net.bias_out",
        "net.weights_out.T, None",
        "pytest tests/network/test_convert.py",
    ),
)

FAULTS = (*LOSS, *PROGRAM, *ORACLE, *ARRANGEMENT, *CERTIFICATE, *TRAINING, *NETWORK)
