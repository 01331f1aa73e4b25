"""Faults by which claims that rest on whole solutions, and the readings to avoid, are made to fail."""

from sabotage.fault import Fault

SQUARED = ("losses.squared:Squared._dual_terms", "-0.5 * T * T", "-0.4 * T * T")
PARALLEL = ("metrics.abstraction:_mean_cosine", "- G[np.ix_(below, above)]", "+ G[np.ix_(below, above)]")
SCALE = ("kernel.design:Design.scale", "1 / (2 * np.sqrt(self.gamma))", "1 / np.sqrt(self.gamma)")
LAYERS = ("kernel.deep:_layer_kernels", "2 * l / depth", "l / depth")
BLEND = ("theory.draws:blend", "np.sqrt(1.0 - t), np.sqrt(t)", "1.0 - t, t")

WHOLE = (
    Fault("squared conjugate with 0.4", *SQUARED, "verify no-network-beats-bound"),
    Fault(
        "input norms x 1.1",
        "network.two_layer:TwoLayerReLU.input_norms",
        "return row_norms(",
        "return 1.1 * row_norms(",
        "verify balance-at-stationary-points",
    ),
    Fault(
        "objective with half of the penalty",
        "program.objective:balanced_objective",
        "problem.beta * _balanced_decay",
        "0.5 * problem.beta * _balanced_decay",
        "pytest tests/program/test_objective.py",
    ),
    Fault(
        "excess of a network with half of the penalty",
        "theory.draws:value_of",
        'instance["beta"])',
        '0.5 * instance["beta"])',
        "verify fit-unique",
    ),
    Fault(
        "pruning that removes nothing",
        "network.transform:prune_on",
        "alive = coefficients > 0",
        "coefficients = np.ones(net.width); alive = coefficients > 0",
        "verify width",
    ),
    Fault(
        "pruning raises the objective",
        "network.transform:prune_on",
        "np.sqrt(coefficients[alive])",
        "1.05 * np.sqrt(coefficients[alive])",
        "verify no-spurious-valleys",
    ),
    Fault("measures blended by amplitudes", *BLEND, "verify connected-optima"),
    Fault(
        "training against the decay",
        "theory.draws:descended",
        "H.T @ R + beta * V",
        "H.T @ R - beta * V",
        "verify wide-training-reaches-optimum",
    ),
    Fault(
        "kernels are never apart",
        "kernel.representation:kernel_distance",
        "return apart / size",
        "return 0.0 * apart",
        "verify minority-collapse",
    ),
    Fault(
        "kernel with a ridge",
        "kernel.representation:representation_kernel",
        "(kernel + kernel.T) / 2",
        "(kernel + kernel.T) / 2 + np.eye(len(kernel))",
        "verify simplex-after-centring",
    ),
    Fault(
        "shrunk value without its square",
        "kernel.whitened_forms:shrunk_value",
        "beta * sigma - beta**2 / 2",
        "2 * beta * sigma",
        "verify svd-needs-signs",
    ),
    Fault("scale of the unique kernel", *SCALE, "verify abstract-unique"),
    Fault("scale in the invariants", *SCALE, "verify abstract-invariants"),
    Fault(
        "tuning not centred",
        "metrics.abstraction:_unit_columns",
        "columns - mean_row(columns)",
        "columns + 1.0",
        "verify tuning",
    ),
    Fault("parallelism along the continuum", *PARALLEL, "verify abstract-continuum"),
    Fault("parallelism of smooth optima", *PARALLEL, "verify abstract-smooth"),
    Fault("parallelism of deep networks", *PARALLEL, "verify deep-abstraction"),
    Fault(
        "the certificate's largest ratio forgotten",
        "kernel.preactivation:preactivation_certificate",
        "if value > best:",
        "if value < best:",
        "verify abstract-anti",
    ),
    Fault(
        "deep value without the depth",
        "kernel.deep:_value",
        "0.5 * beta * depth *",
        "0.5 * beta *",
        "verify deep-linear-value",
    ),
    Fault(
        "threshold of another depth",
        "kernel.deep:scalar_threshold",
        "out: Array = sigma *",
        "out: Array = 1.2 * sigma *",
        "verify deep-hard-threshold",
    ),
    Fault("layer kernels of classes with l/L", *LAYERS, "verify deep-one-hot-collapse"),
    Fault(
        "weights of samples squared in the loss",
        "losses.base:Loss.value",
        "np.sum(w[:, None] *",
        "np.sum(w[:, None] ** 2 *",
        "verify weights-are-copies",
    ),
    Fault(
        "a path of other strengths",
        "_api.strengths:_solved",
        "beta=float(beta)",
        "beta=1.01 * float(beta)",
        "verify path-is-concave",
    ),
    Fault(
        "exact penalty's conjugate x 1.1",
        "losses.absolute:Absolute._dual_terms",
        "return T * Y",
        "return 1.1 * T * Y",
        "verify interpolation-of-least-norm",
    ),
    Fault(
        "relaxation under half the penalty",
        "program.cvxpy_form:build",
        "penalty = beta * norms",
        "penalty = 0.5 * beta * norms",
        "verify relaxations-below",
    ),
)

COLLAPSE = (
    Fault(
        "deep value of half the decay",
        "kernel.deep:_value",
        "0.5 * beta * depth *",
        "0.25 * beta * depth *",
        "verify deep-collapse-ends",
    ),
)

READINGS = (
    Fault(
        "every union of cells is convex",
        "theory.statements.hamming:_union_is_convex",
        "> INTERIOR",
        "> 2.0",
        "verify reading-hamming-one-path",
    ),
    Fault(
        "group lasso of half the negative blocks",
        "program.cvxpy_form:build",
        "norms = norms + cp.sum(cp.norm(negative[:k], axis=0))",
        "norms = norms + 0.5 * cp.sum(cp.norm(negative[:k], axis=0))",
        "verify reading-group-lasso-constant",
    ),
    Fault("gap of the shrunk optimum", *SQUARED, "verify reading-shrinkage-constant"),
    Fault("gap under the sign condition", *SQUARED, "verify reading-sign-condition"),
    Fault("gap of tall inputs", *SQUARED, "verify reading-whitened-features"),
    Fault(
        "gauge of half the cost",
        "theory.statements.planar:planar_optimum",
        "0.5 * beta * cost",
        "0.25 * beta * cost",
        "verify reading-plain-nuclear-norm",
    ),
    Fault(
        "factors of a smaller root",
        "theory.statements.readings:_factors",
        "sigma ** (1 / root)",
        "sigma ** (0.9 / root)",
        "verify reading-schatten-exponent",
    ),
    Fault("kernels of a smaller root", *LAYERS, "verify reading-layer-root"),
    Fault("parallelism of rotated optima", *PARALLEL, "verify reading-all-minima-abstract"),
    Fault(
        "regions counted four times",
        "metrics.regions.segments.line_result:LineRegions.n_regions",
        "len(self.flips)",
        "4 * len(self.flips)",
        "verify reading-regions-on-a-line",
    ),
    Fault(
        "symmetric folding from the start only",
        "metrics.regions.folds.folding:flip_folding",
        "flips.backwards().away()",
        "flips.away()",
        "verify reading-folding-symmetric",
    ),
    Fault(
        "folding with 0.9 r1",
        "metrics.regions.folds.folding:_folded",
        "1.0 - r1 / r2",
        "1.0 - 0.9 * r1 / r2",
        "verify reading-folding-reaches-one",
    ),
    Fault(
        "few-shot noise without its root",
        "theory.statements.readings_folding:_few_shot",
        "sqrt(2 * variance)",
        "sqrt(variance)",
        "verify reading-few-shot-snr",
    ),
)

FAULTS = (*WHOLE, *COLLAPSE, *READINGS)
