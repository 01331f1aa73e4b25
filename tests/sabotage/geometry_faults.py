"""Faults in kernels, metrics, lines, slices and data sets."""

from sabotage.fault import Fault

KERNEL = (
    Fault(
        "kernel not halved after symmetrising",
        "kernel.representation:representation_kernel",
        "(kernel + kernel.T) / 2",
        "kernel + kernel.T",
        "verify kernel-and-energy",
    ),
    Fault(
        "kernel distance squared",
        "kernel.representation:kernel_distance",
        "return apart / size",
        "return (apart / size) ** 2",
        "verify kernel-and-energy",
    ),
    Fault(
        "whitened from columns",
        "kernel.representation:whitened",
        "X @ X.T - np.eye(len(X))",
        "X.T @ X - np.eye(X.shape[1])",
        "verify closed-forms",
    ),
    Fault(
        "energy without the cost of weights",
        "kernel.mean_field:energy",
        "float(fit + input_cost(K_X, H).sum())",
        "float(fit)",
        "verify kernel-and-energy",
    ),
    Fault(
        "first variation with the wrong sign",
        "kernel.mean_field:first_variation",
        "input_cost(K_X, H) - (",
        "input_cost(K_X, H) + (",
        "verify preactivation-kkt",
    ),
    Fault(
        "curvature with one inverse",
        "kernel.mean_field:curvature",
        "inverse @ K_Y @ inverse",
        "inverse @ K_Y",
        "verify kernel-and-energy",
    ),
    Fault(
        "energy falls with the weights",
        "kernel.mean_field:energy",
        "fit + input_cost",
        "fit - input_cost",
        "verify energy-convex",
    ),
    Fault(
        "shrinkage by half of beta squared too little",
        "kernel.whitened_forms:shrunk_value",
        "beta**2 / 2",
        "beta**2 / 4",
        "verify svd-shrinkage",
    ),
    Fault(
        "classes shrunk by beta/2",
        "kernel.whitened_forms:_disjoint",
        "sizes[present] - beta",
        "sizes[present] - beta / 2",
        "verify whitened-one-hot-kernel",
    ),
    Fault(
        "signs shrunk by beta/2",
        "kernel.whitened_forms:_disjoint",
        "sizes[present] - beta",
        "sizes[present] - beta / 2",
        "verify whitened-scalar",
    ),
    Fault(
        "layer kernels with the exponent l/L",
        "kernel.deep:_layer_kernels",
        "2 * l / depth",
        "l / depth",
        "verify deep-linear-kernels",
    ),
    Fault(
        "deep shrinkage without the depth's power",
        "kernel.deep:shrink_depth",
        "power = sigma[keep].copy(), 2 / depth - 1",
        "power = sigma[keep].copy(), 1 / depth - 1",
        "verify closed-forms",
    ),
    Fault(
        "abstract kernel's scale without 1/2",
        "kernel.design:Design.scale",
        "1 / (2 * np.sqrt(self.gamma))",
        "1 / np.sqrt(self.gamma)",
        "verify abstract-kernel",
    ),
    Fault(
        "spike-free by the wrong sign",
        "kernel.spikes:spike_free",
        "if scaled[i, j] <= tol:",
        "if scaled[i, j] >= -tol:",
        "verify spike-free-z-matrix",
    ),
)

ABSTRACTION = (
    Fault(
        "cross terms of parallelism added",
        "metrics.abstraction:_mean_cosine",
        "- G[np.ix_(above, below)]",
        "+ G[np.ix_(above, below)]",
        "verify parallelism-and-tuning",
    ),
    Fault(
        "parallelism with the diagonal",
        "metrics.abstraction:_mean_cosine",
        "len(cosines), 1)",
        "len(cosines), 0)",
        "verify parallelism-and-tuning",
    ),
    Fault(
        "CCGP trained on the held-out conditions",
        "metrics.abstraction:ccgp",
        "used & ~test",
        "used",
        "verify ccgp-held-out",
    ),
    Fault(
        "tuning of neurons that are not centred",
        "metrics.abstraction:_unit_columns",
        "columns - mean_row(columns)",
        "columns + 0.0",
        "verify parallelism-and-tuning",
    ),
    Fault(
        "Cover's count without the bias",
        "metrics.separation:cover_count",
        'd + as_flag(bias, "bias")',
        "d",
        "verify separable-splits",
    ),
    Fault(
        "splits counted twice",
        "metrics.samples.dichotomies:count_dichotomies",
        "2 ** (n - 1)",
        "2**n",
        "pytest tests/metrics/samples/test_dichotomies.py",
    ),
    Fault(
        "separation on one side only",
        "metrics.separation:_Span._separates",
        "bool(side.all())",
        "bool(side.any())",
        "verify separable-splits",
    ),
    Fault(
        "decoding trained on the test trials",
        "metrics.decoding:_accuracy",
        "side, ~test, test",
        "side, test, test",
        "verify decoding-held-out",
    ),
    Fault(
        "decoding threshold not reached counts",
        "metrics.decoding:decoding_dimension",
        "accuracies >= threshold",
        "accuracies <= threshold",
        "verify decoding-held-out",
    ),
    Fault(
        "probe trained on its test fold",
        "metrics.probes:linear_probe",
        "Z[fold != f], groups.codes[fold != f]",
        "Z[fold == f], groups.codes[fold == f]",
        "verify noise-decodes-nothing",
    ),
    Fault(
        "probe without the intercept's column",
        "metrics.probes:Fitted.standardised",
        " - self.middle)",
        ")",
        "pytest tests/metrics/test_probes.py",
    ),
)

WALKS = (
    Fault(
        "a curve's walk without its first step",
        "metrics.regions.folding_curve:walk_curve",
        "np.concatenate([[0], np.cumsum(",
        "np.concatenate([[0], -1 + np.cumsum(",
        "pytest tests/metrics/regions/test_folding_curve.py",
    ),
    Fault(
        "a curve that forgets how far it was",
        "metrics.regions.folding_curve:walk_curve",
        "np.maximum.accumulate(np.count_nonzero(pi != pi[0], axis=1))",
        "np.count_nonzero(pi != pi[0], axis=1)",
        "pytest tests/metrics/regions/test_folding_curve.py",
    ),
    Fault(
        "codes read behind the activation",
        "metrics.regions.switches:_Seen.function",
        "self._codes(name, args[0], bends)",
        "self._codes(name, func(*args, **kwargs), bends)",
        "pytest tests/metrics/regions/test_sampled_codes.py",
    ),
    Fault(
        "a minimum of maxima with a maximum more",
        "datasets.normal_form:least_of_triples",
        "play([(g, g + 1, MIN)",
        "play([(g, g + 1, MAX)",
        "pytest tests/datasets/test_normal_form.py",
    ),
)

COLLAPSE = (
    Fault(
        "NC1 divided by C twice",
        "metrics.collapse:_within_between",
        "(sizes[kept] ** 2 / C)) / C)",
        "(sizes[kept] ** 2 / C)) / C**2)",
        "verify collapse-metrics",
    ),
    Fault(
        "NC1's within-class covariance by class",
        "metrics.collapse:_within_between",
        "axis=0) / n\n",
        "axis=0) / C\n",
        "verify collapse-metrics",
    ),
    Fault(
        "NC2 against cosine 0",
        "metrics.collapse:neural_collapse",
        "-1.0 / (C - 1), scale",
        "0.0, scale",
        "verify collapse-axioms",
    ),
    Fault(
        "NC3 not squared",
        "metrics.collapse:_misalignment",
        "means / other) ** 2)",
        "means / other))",
        "verify collapse-metrics",
    ),
    Fault(
        "NC4 by the farthest mean",
        "metrics.collapse:_agreement",
        "2.0 * Z @ means.T - np.sum(means**2, axis=1)",
        "-2.0 * Z @ means.T + np.sum(means**2, axis=1)",
        "verify collapse-metrics",
    ),
    Fault("CDNV without its half", "metrics.collapse:_cdnv", "(2.0 * apart)", "apart", "verify collapse-metrics"),
    Fault(
        "frame of the centred means",
        "metrics.collapse:neural_collapse",
        "_distance(means @ means.T",
        "_distance(centred @ centred.T",
        "verify collapse-metrics",
    ),
    Fault(
        "simplex not centred",
        "metrics.collapse:neural_collapse",
        "(np.eye(C) - 1.0 / C)",
        "np.eye(C)",
        "verify balanced-collapse",
    ),
)

SIMILARITY = (
    Fault(
        "CKA of kernels that are not centred",
        "metrics.samples.scaling:centred_kernel",
        "K += middle",
        "K -= middle",
        "pytest tests/metrics/test_alignment.py",
    ),
    Fault(
        "debiased CKA with the biased factor",
        "metrics.alignment:_unbiased",
        "(n / (n - 2))",
        "((n - 1) / (n - 2))",
        "verify similarity-metrics",
    ),
    Fault(
        "rbf kernel without its half",
        "metrics.alignment:_rbf_side",
        "0.5 / bandwidth**2 / typical, ",
        "1.0 / bandwidth**2 / typical, ",
        "verify similarity-metrics",
    ),
    Fault(
        "Procrustes without rotation", "metrics.alignment:procrustes", "B @ (U @ Vt)", "B", "verify similarity-axioms"
    ),
    Fault(
        "samples are their own neighbours",
        "metrics.neighbours:near_distances",
        "found[here - here[0], here] = np.inf",
        "pass",
        "verify similarity-metrics",
    ),
    Fault(
        "mutual neighbours over k - 1",
        "metrics.neighbours:mutual_knn",
        "(k * n)",
        "((k - 1 or 1) * n)",
        "verify similarity-metrics",
    ),
    Fault(
        "ranks are not averaged over the mean",
        "metrics.dissimilarity:_pearson",
        "v -= v.mean()",
        "v -= v.min()",
        "verify similarity-metrics",
    ),
    Fault(
        "cosine dissimilarity centred",
        "metrics.dissimilarity:_dissimilarities",
        'if distance == "correlation":',
        "if True:",
        "verify similarity-metrics",
    ),
)

DIMENSION = (
    Fault(
        "participation ratio not squared",
        "metrics.dimension:participation_ratio",
        "trace**2 / square",
        "trace / square",
        "verify dimension-metrics",
    ),
    Fault(
        "effective rank of variances",
        "metrics.dimension:effective_rank",
        "values / values.sum()",
        "values**2 / (values**2).sum()",
        "verify dimension-metrics",
    ),
    Fault(
        "rank from squares",
        "metrics.dimension:numerical_rank",
        'if spectrum == "singular"',
        'if spectrum != "singular"',
        "verify dimension-metrics",
    ),
    Fault(
        "two-NN of ratios, not logarithms",
        "metrics.intrinsic:two_nn",
        "np.log(second / first)",
        "(second / first)",
        "verify dimension-metrics",
    ),
    Fault(
        "two-NN interval with one degree too few",
        "metrics.intrinsic:_likelihood",
        "gammaincinv(used, q)",
        "gammaincinv(used / 2, q)",
        "verify dimension-metrics",
    ),
    Fault(
        "few-shot bias term with the wrong sign",
        "metrics.few_shot:_few_shot",
        "(b.trace - a.trace)",
        "(a.trace - b.trace)",
        "verify few-shot-moments",
    ),
    Fault("few-shot 1/m² terms whole", "metrics.few_shot:_few_shot", "(2.0 * m**2)", "m**2", "verify few-shot-moments"),
    Fault(
        "noise kernel with products of one trial",
        "metrics.recordings.averages:noise_corrected_kernel",
        "total @ total.T - same",
        "total @ total.T",
        "verify noise-corrected-kernel",
    ),
)

CONVEXITY = (
    Fault(
        "graph convexity counts the target",
        "metrics.samples.neighbour_graph:_Block.first",
        "alive = vertex != source[walking]",
        "alive = vertex >= 0",
        "pytest tests/metrics/test_convexity.py",
    ),
    Fault(
        "graph convexity counts the other class",
        "metrics.samples.neighbour_graph:_Block.first",
        "codes[vertex] == codes",
        "codes[vertex] != codes",
        "verify class-convexity",
    ),
    Fault(
        "no path scores 1",
        "metrics.samples.neighbour_graph:_Block.first",
        "reached.astype(np.float64)",
        "np.ones(len(pairs))",
        "pytest tests/metrics/test_convexity.py",
    ),
    Fault(
        "a neighbour too many",
        "metrics.samples.neighbour_graph:NeighbourGraph.of",
        "k = min(k, n - 1)",
        "k = min(k + 1, n - 1)",
        "verify class-convexity",
    ),
    Fault(
        "ends of segments count",
        "metrics.convexity:_points_inside",
        "np.arange(1, n_points + 1)[None, :, None] / (n_points + 1)",
        "np.arange(n_points)[None, :, None] / (n_points - 1)",
        "verify class-convexity",
    ),
    Fault(
        "exact lengths from one end",
        "metrics.convexity:_shares",
        "np.where(a >= 0, 0.0, np.where(b >= 0, zero, 1.0))",
        "np.where(a >= 0, 0.0, np.where(b >= 0, 0.5 * zero, 1.0))",
        "verify class-convexity",
    ),
    Fault(
        "argmax regions cut at the middle",
        "metrics.convexity:_shares",
        "np.maximum(high - low, 0.0)",
        "np.maximum(0.99 * high - low, 0.0)",
        "verify argmax-regions-convex",
    ),
    Fault(
        "Hamming convex by one path",
        "metrics.regions.hamming:_between",
        "+ rows[:, None, :] == apart",
        "+ rows[:, None, :] < apart",
        "verify hamming-convex-unions",
    ),
    Fault(
        "subcube without its last two bits",
        "metrics.regions.hamming:_subcube",
        "(inside != inside[0]).any(axis=0)",
        "(inside != inside[0]).any(axis=0)[:-2]",
        "verify codes-and-walks",
    ),
)

FOLDING = (
    Fault(
        "code read before the start",
        "metrics.regions.folding:walk_folding",
        "pi[1:] != pi[:-1]",
        "pi[1:] == pi[:-1]",
        "verify one-hidden-layer-no-folding",
    ),
    Fault(
        "folding from the last code",
        "metrics.regions.folding:walk_folding",
        "pi != pi[0]",
        "pi != pi[-1]",
        "verify codes-and-walks",
    ),
    Fault(
        "folding counts changes, not neurons",
        "metrics.regions.folding:walk_folding",
        "np.count_nonzero(pi[1:] != pi[:-1])",
        "np.count_nonzero((pi[1:] != pi[:-1]).any(axis=1))",
        "verify codes-and-walks",
    ),
    Fault(
        "class folding the wrong way round",
        "metrics.regions.class_folding:_all_chi",
        "chi[b, a] = walk_folding(line.codes[::-1], symmetric).chi",
        "chi[b, a] = walk_folding(line.codes, symmetric).chi",
        "verify folding-of-classes",
    ),
    Fault("maxima with zeros", "metrics.regions.class_folding:_maxima", "> 0", ">= 0", "verify folding-of-classes"),
)

REGIONS = (
    Fault(
        "slice areas x 1.1",
        "metrics.regions.slice_result:_moments",
        "return areas * unit**2",
        "return 1.1 * areas * unit**2",
        "verify slice-regions",
    ),
    Fault(
        "eccentricity about the corner",
        "metrics.regions.slice_result:_moments",
        "(12.0 * areas) - mx * mx",
        "(12.0 * areas)",
        "verify slice-regions",
    ),
    Fault(
        "perimeters without the outer sides",
        "metrics.regions.slice_result:measure",
        "[apart & (around[:, side] >= 0)]",
        "[apart & inner]",
        "verify slice-regions",
    ),
    Fault(
        "maps of the neighbouring gates",
        "metrics.regions.slices:_gated",
        "phi.gate(active)",
        "phi.gate(~active)",
        "verify slice-regions",
    ),
    Fault(
        "input map without biases",
        "metrics.regions.slices:input_map",
        "_composed(M, first.weight, first.bias)",
        "_composed(M, first.weight, 0.0 * first.bias)",
        "verify slice-regions",
    ),
    Fault(
        "the second of a tie wins",
        "network.tournament:Tournament.winners",
        "if level.any():",
        "if False:",
        "pytest tests/network/test_tournament.py",
    ),
    Fault(
        "walls between losers stay",
        "metrics.regions.subdivision:Subdivision.dissolved",
        "[origin, codes]",
        "[np.arange(len(codes)), codes]",
        "pytest tests/metrics/regions/test_slices.py",
    ),
    Fault(
        "decision boundary inside faces forgotten",
        "metrics.regions.slice_result:decision_segments",
        "segments = np.concatenate([ends, more])",
        "segments = np.concatenate([ends[:0], more])",
        "pytest tests/metrics/regions/test_decision_kernels.py",
    ),
    Fault(
        "breakpoints off by a percent",
        "metrics.regions._line_kernels:place",
        "share[q] * t[i + 1]",
        "0.99 * share[q] * t[i + 1]",
        "verify line-regions",
        True,
    ),
)

DATA = (
    Fault(
        "factorial inputs without the common mode",
        "datasets.synthetic:factorial",
        "factorial_kernel(Y, x0, x1, x2)",
        "factorial_kernel(Y, x0, x1, 0.0)",
        "verify closed-forms",
    ),
)

FAULTS = (
    *KERNEL, *ABSTRACTION, *COLLAPSE, *SIMILARITY, *DIMENSION, *CONVEXITY, *FOLDING, *WALKS, *REGIONS, *DATA,
)  # fmt: skip
