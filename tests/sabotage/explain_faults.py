"""Faults in what a recorded kernel costs, in ranges of ratios near the optimum, and in what noise makes of them."""

from sabotage.fault import Fault

CUT, COST, NEAR = (
    f"pytest tests/{name}.py"
    for name in ("certificate/test_kernel_cut", "test_suboptimality", "theory/test_near_optima")
)

FAULTS = (
    Fault(
        "a price on the kernel with the wrong sign in its proof",
        "program.lifting:_with_form",
        "R + 0.5 * (more + more.T)",
        "R - 0.5 * (more + more.T)",
        f"{CUT}::test_lifted_multipliers_bound_a_form_of_both_signs",
    ),
    Fault(
        "noise that is forgotten",
        "_api.suboptimality:suboptimality_of",
        "radius / unit",
        "0.0 * radius / unit",
        f"{COST}::test_more_noise_proves_less_and_a_free_baseline_does_not_see_the_origin",
    ),
    Fault(
        "ten times what is proven of a functional",
        "certificate.kernels.kernel_cut:KernelProgram._above",
        "above = (ceiling - cut.value) / epsilon",
        "above = 10.0 * (ceiling - cut.value) / epsilon",
        f"{NEAR}::test_less_than_the_least_trace_is_never_found",
    ),
    Fault(
        "halves of the trials at half of their spread",
        "theory.recordings.recorded:_over_trials",
        "* np.sqrt(factor)",
        "* 0.5 * np.sqrt(factor)",
        "pytest tests/theory/recordings/test_recorded.py::test_deviations_are_as_large_as_those_of_new_recordings",
    ),
    Fault(
        "below the upper end of a range is outside",
        "theory.recordings.questions:Question._beside",
        "high < found.lower or",
        "high < found.upper or",
        "pytest -m slow tests/theory/recordings/test_explaining.py::test_an_interval_that_meets_the_range_is_not_outside",
    ),
    Fault(
        "the optimum of a band taken from a line that lies below it",
        "theory.recordings.strengths:Along.excess",
        "np.min(losses + beta * penalties)",
        "np.min(losses + 0.97 * beta * penalties)",
        "pytest tests/theory/recordings/test_strengths.py::test_between_strengths_it_is_below_what_the_kernel_costs_and_close",
    ),
    Fault(
        "the weakest strength sought among those solved alone",
        "theory.recordings.strengths:Along.corners",
        "known.corners()",
        "betas",
        "pytest tests/theory/recordings/test_strengths.py::test_one_strength_is_a_band_of_its_own_and_more_prove_more",
    ),
)
