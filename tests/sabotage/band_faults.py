"""Faults in bands over all strengths and in diagrams of many cells."""

from sabotage.fault import Fault

CURVES, BAND, DIAGRAM, LINES = (
    f"pytest tests/{name}.py"
    for name in ("certificate/test_path_band", "test_band", "theory/test_diagrams", "test_results")
)
CURVES = "pytest tests/certificate/kernels/test_kernel_curve.py"
RANGES = f"{CURVES}::test_the_closed_form_is_inside_everywhere_and_the_range_is_narrow"
CLAIM = "verify band-over-all-strengths"

FAULTS = (
    Fault(
        "mixture of dual points with the norm of its smaller end",
        "certificate.path_band:Between.lower",
        "norm = (1.0 - t) * left.beta + t * right.beta",
        "norm = left.beta",
        CLAIM,
    ),
    Fault(
        "dual point of one strength taken for feasible at twice the strength",
        "certificate.path_band:Between.lower",
        "np.abs(left.dual), left.beta",
        "np.abs(left.dual), 0.5 * left.beta",
        f"{CURVES}::test_bounds_between_strengths_against_the_closed_form",
    ),
    Fault(
        "line of a network with half of its penalty",
        "program.objective:line_from_above",
        "return (loss, balanced)",
        "return (loss, 0.5 * balanced)",
        CLAIM,
    ),
    Fault(
        "chord rounded up",
        "certificate.path_band:Envelope.lower",
        "chord - ROOM",
        "chord + ROOM",
        f"{CURVES}::test_values_are_on_their_side_of_the_exact_curves_and_close_to_them",
    ),
    Fault(
        "line rounded down",
        "certificate.path_band:Envelope.upper",
        "(1.0 + ROOM)",
        "(1.0 - ROOM)",
        f"{CURVES}::test_values_are_on_their_side_of_the_exact_curves_and_close_to_them",
    ),
    Fault(
        "upper curve of the highest line",
        "certificate.path_band:Envelope.upper",
        "np.min(",
        "np.max(",
        CLAIM,
    ),
    Fault(
        "corners without the crossings of lines",
        "certificate.path_band:Envelope.corners",
        "inside, self._above[2]]",
        "inside]",
        f"{CURVES}::test_no_place_is_wider_than_the_widest",
    ),
    Fault(
        "blend with the whole of one network",
        "certificate.path_band:Between.mixed",
        "(1.0 - t) * parts[0][1]",
        "parts[0][1]",
        f"{CURVES}::test_a_blend_has_the_fit_between_and_at_most_the_cost_between",
    ),
    Fault(
        "mixture of ranges with twice the weight",
        "certificate.kernels.kernel_curve:EndBetween._value",
        "(epsilon * scale)",
        "(2.0 * epsilon * scale)",
        RANGES,
    ),
    Fault(
        "mixture of ranges with the strength of its smaller end",
        "certificate.kernels.kernel_curve:EndBetween._mixed",
        "(1.0 - t) * left.beta + t * right.beta",
        "left.beta",
        RANGES,
    ),
    Fault(
        "band of another problem resumed",
        "_api.band:_check_same",
        "if not same:",
        "if False:",
        f"{BAND}::test_errors_say_what_to_type",
    ),
    Fault(
        "stored cells solved again",
        "theory.diagrams:phase_diagram",
        "if cell not in store.cells",
        "if True",
        f"{DIAGRAM}::test_what_is_stored_is_not_done_again",
    ),
    Fault(
        "cells of other parameters taken from a file",
        "records:opened",
        "known != json.loads(json.dumps(head))",
        "False",
        f"{DIAGRAM}::test_other_cells_are_refused",
    ),
    Fault(
        "torn lines taken for whole",
        "results:whole_lines",
        "if not line.endswith(TORN[:-1])",
        "if True",
        f"{LINES}::test_lines_are_whole_or_not_there",
    ),
)
