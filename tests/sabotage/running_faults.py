"""Faults in walks through modules that are run: rows, operations, kinks, maxima and the pieces of a segment."""

from sabotage.fault import Fault

LINES = "pytest tests/metrics/regions/segments/test_running_lines.py"
RUNNING = "pytest tests/network/running"
WINDOWS = "pytest tests/metrics/regions/segments/test_window_kernels.py"

FAULTS = (
    Fault(
        "new rows from the other side of their segment",
        "network.running.rows:Insertion.fill",
        "share[some])",
        "1.0 - share[some])",
        f"{RUNNING}/test_rows.py",
    ),
    Fault(
        "rows that move taken for rows that stay",
        "network.running.rows:Insertion.appends",
        "len(self.source) == old + len(self.fresh) and ",
        "",
        f"{RUNNING}/test_rows.py",
    ),
    Fault(
        "older tensors of another age",
        "network.running.rows:Block.current",
        "self.batch.steps[self.version :]",
        "self.batch.steps[self.version + 1 :]",
        f"{RUNNING}/test_rows.py",
    ),
    Fault(
        "rounding errors a thousand times too small",
        "network.running.rows:Batch.errors",
        "EPS * data",
        "1e-3 * EPS * data",
        f"{RUNNING}/test_rows.py",
    ),
    Fault(
        "a product of two values taken for affine",
        "network.running.operations:check",
        ") > 1:",
        ") > 2:",
        f"{RUNNING}/test_operations.py",
    ),
    Fault(
        "unknown operations believed",
        "network.running.operations:_check_by_trying",
        "1e-9 * scale",
        "1e9 * scale",
        f"{RUNNING}/test_operations.py",
    ),
    Fault(
        "the upper wall of a clamp forgotten",
        "network.running.kinks:_between",
        "for c in (low, high) if c is not None",
        "for c in (low,) if c is not None",
        f"{LINES}::test_codes_are_those_of_every_kink_on_dense_points[ReLU6]",
    ),
    Fault(
        "choices that do not meet believed",
        "network.running.masks:_check_meeting",
        "if worst > 0.0",
        "if worst > 1e9",
        f"{RUNNING}/test_masks.py",
    ),
    Fault(
        "a plateau on the wrong side of its wall",
        "network.running.masks:compare",
        "rows.abs() <= limit",
        "rows.abs() < 0.0",
        f"{RUNNING}/test_masks.py",
    ),
    Fault(
        "windows of a padded pooling shifted",
        "network.running.kinks:_max_pool",
        "range(-p, ",
        "range(0, ",
        f"{RUNNING}/test_kinks.py",
    ),
    Fault(
        "losers of a maximum make walls",
        "metrics.regions.segments._window_kernels:_overtaken",
        "V[i + 1, j] - b <= errors[j] + errors[table[w, now]]",
        "V[i + 1, j] - V[i, j] <= 0.0",
        f"{WINDOWS}",
        True,
    ),
    Fault(
        "who overtakes last, instead of first",
        "metrics.regions.segments._window_kernels:_overtaken",
        "if s < share or",
        "if s > share - 4.0 or",
        f"{WINDOWS}",
        True,
    ),
    Fault(
        "segments of a batch taken for one curve",
        "metrics.regions.segments.changes:Changes.of",
        "differ[first[1:-1] - 1] = False",
        "differ[first[1:-1]] = False",
        "pytest tests/metrics/regions/segments/test_changes.py",
    ),
    Fault(
        "changes at rows of another age",
        "metrics.regions.segments.changes:walks",
        "place[_begins(parent)]",
        "place[: parent[-1] + 1]",
        f"{LINES}::test_layers_and_neurons_are_chosen_as_ever",
    ),
    Fault(
        "pieces of a segment overlap",
        "metrics.regions.segments.running_lines:_Pieces.walk",
        "at, self.length = until,",
        "at, self.length = 0.99 * until if until < 1.0 else until,",
        f"{LINES}::test_pieces_of_a_segment_make_the_whole_of_it",
    ),
)
