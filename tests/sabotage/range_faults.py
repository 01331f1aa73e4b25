"""Faults in what is said of all networks near the optimum: prices, columns, scalings, quotients and cosines."""

from sabotage.fault import Fault

RANGE, PERTURBED, STATISTICS = (
    f"pytest tests/certificate/test_{name}.py" for name in ("kernel_range", "perturbed", "kernel_statistics")
)

COLLAPSE = "pytest tests/certificate/kernels/test_collapse_range.py"

FAULTS = (
    Fault(
        "twice the epsilon that was proven",
        "certificate.kernels.kernel_bound:Seeker._value",
        "left = epsilon * scale",
        "left = 2.0 * epsilon * scale",
        f"{RANGE}::test_its_dual_points_are_feasible_and_prove_the_ends",
    ),
    Fault(
        "columns of half the perturbation",
        "certificate.kernels.perturbed:Lasso.columns",
        "np.sqrt(2.0 * epsilon",
        "np.sqrt(1.0 * epsilon",
        f"{RANGE}::test_its_dual_points_are_feasible_and_prove_the_ends",
    ),
    Fault(
        "neurons at the balanced scaling instead of the cheapest",
        "certificate.kernels.perturbed:Lasso._network",
        "np.sqrt(self.a[used] / share)",
        "np.sqrt(self.a[used])",
        f"{PERTURBED}::test_its_dual_point_bounds_the_perturbed_objective_of_its_own_network",
    ),
    Fault(
        "a trace bounded by a hundredth",
        "certificate.kernels.kernel_bound:Seeker.__init__",
        "self.trace = 2.0 *",
        "self.trace = 0.02 *",
        f"{RANGE}::test_without_time_the_ends_are_loose_and_right",
    ),
    Fault(
        "the second square forgotten at the end of a search",
        "oracle.signed:Difference.columns",
        "-np.ones(two.M.shape[1])",
        "np.ones(two.M.shape[1])",
        "pytest tests/oracle/test_signed.py::test_no_direction_is_above_the_bound_and_one_is_close",
    ),
    Fault(
        "always the same edge is split",
        "oracle.signed_kernels:entry_bound",
        "if both[k, l] - level * gram[k, l] > worst:",
        "if worst > 0.0:",
        "pytest tests/oracle/test_signed.py::test_edges_at_right_angles_are_split_and_rounding_of_them_is_rounding",
        interpreted=True,
    ),
    Fault(
        "what is too large at right angles is not added",
        "oracle.signed_kernels:majorant",
        "level + beyond * (1.0 + 1e-12)",
        "level",
        "pytest tests/oracle/test_signed.py::test_a_majorant_is_above_the_form_at_every_combination",
        interpreted=True,
    ),
    Fault(
        "a quotient without its remainder",
        "certificate.kernels.kernel_statistics:Statistics._quotient_from_above",
        "max(self.upper(A - t * B), 0.0) / least",
        "0.0 * max(self.upper(A - t * B), 0.0) / least",
        f"{STATISTICS}::test_no_network_within_delta_is_outside",
    ),
    Fault(
        "a cosine of which the distance is forgotten",
        "certificate.kernels.kernel_statistics:Statistics.parallelism",
        "return Interval.mean(means)",
        "return Interval.mean([Interval(0.5, 0.5, 0.5, 0.5)])",
        "verify abstract-at-all-minima",
    ),
    Fault(
        "half the first order of NC1",
        "certificate.kernels.collapse_range:collapse_range",
        "size + 2.0 * high",
        "size + 1.0 * high",
        f"{COLLAPSE}::test_no_mixture_is_outside",
    ),
    Fault(
        "NC1 without what is of second order",
        "certificate.kernels.collapse_range:collapse_range",
        "off = math.sqrt(",
        "off = 0.0 * math.sqrt(",
        f"{COLLAPSE}::test_no_mixture_is_outside",
    ),
    Fault(
        "NC1 bounded where class means may coincide",
        "certificate.kernels.collapse_range:collapse_range",
        "if not apart < 1.0:",
        "if apart != apart:",
        f"{COLLAPSE}::test_collapsed_classes_and_means_that_may_coincide",
    ),
    Fault(
        "the deviations that have no direction of their own forgotten",
        "certificate.kernels.collapse_range:collapse_range",
        "(1.0 + apart) * outside",
        "0.0 * outside",
        f"{COLLAPSE}::test_no_mixture_is_outside",
    ),
    Fault(
        "corners of a simplex of half the length",
        "certificate.kernels.collapse_range:simplex",
        "math.sqrt((m + 1) / m)",
        "2.0 * math.sqrt((m + 1) / m)",
        f"{COLLAPSE}::test_corners_of_a_simplex",
    ),
    Fault(
        "cosines of 1 are proven to be less",
        "certificate.kernels.kernel_statistics:Statistics._upright",
        "ends[1] = 1.0",
        "ends[1] = 0.9",
        "verify abstract-at-some-minima",
    ),
    Fault(
        "a distance over all optima that is a tenth too long",
        "certificate.kernels.kernel_statistics:Statistics.distance",
        "math.sqrt(square) + missed",
        "math.sqrt(square) + missed + 0.1",
        "verify collapse-at-all-minima",
    ),
)
