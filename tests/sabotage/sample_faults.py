"""Faults in what metrics are computed by: paths, machines, blocks, cells, crossings, and tests of a forecast and of a cut."""

from sabotage.fault import Fault

SAMPLES = "pytest tests/metrics/samples"
SEGMENTS = "pytest tests/metrics/regions/segments"
LATTICES = f"{SAMPLES}/test_neighbour_graph.py::test_graph_on_lattices_averages_all_shortest_paths"
SEARCHES = (  # interpreted, a count of vertices has 8 bits, which says so when it overflows and is not asked for
    "pytest -W ignore::RuntimeWarning "
    "tests/metrics/samples/test_neighbour_graph.py::test_searches_from_both_ends_find_the_paths_of_whole_searches"
)
OPTIMALITY = (
    f"{SAMPLES}/test_machine_kernels.py::test_the_conditions_of_optimality_hold_and_points_that_coincide_end_it"
)
ORDER = f"{SAMPLES}/test_blocks.py::test_order_statistics_in_passes_equal_sorting"
PAIRS = f"{SAMPLES}/test_blocks.py::test_overlaps_of_all_pairs"
LINES = f"{SEGMENTS}/test_paths.py"

FAULTS = (
    Fault(
        "a path's start counted in its interior", "metrics.samples._path_kernels:path_means",
        "inside[u] and u != order[0]", "inside[u]", LATTICES, interpreted=True,
    ),
    Fault(
        "interiors as long as their paths", "metrics.samples._path_kernels:path_means",
        "total[v, h] / (h - 1)", "total[v, h] / h", LATTICES, interpreted=True,
    ),
    Fault(
        "two searches that stop where they meet first", "metrics.samples._path_kernels:meet",
        "keys[0, 0] + keys[1, 0] <= best * (1.0 + tie)", "best == np.inf", SEARCHES, interpreted=True,
    ),
    Fault(
        "a path's interior compared with its second vertex", "metrics.samples._path_kernels:along",
        "codes[path[i]] == codes[path[0]]", "codes[path[i]] == codes[path[1]]", SEARCHES, interpreted=True,
    ),
    Fault(
        "a heap that lets the larger child rise", "metrics.samples._path_kernels:sink",
        "keys[child + 1] < keys[child]", "keys[child + 1] > keys[child]", SEARCHES, interpreted=True,
    ),
    Fault(
        "steps of a machine past one of the bounds", "metrics.samples._machine_kernels:coefficients",
        "min(step, room_i, room_j)", "min(step, room_i)", OPTIMALITY, interpreted=True,
    ),
    Fault(
        "pulls that follow one of two coefficients", "metrics.samples._machine_kernels:coefficients",
        "step * (K[i, k] - K[j, k])", "step * K[i, k]", OPTIMALITY, interpreted=True,
    ),
    Fault(
        "margins without the samples at their bounds", "metrics.samples.interior:_finished",
        "1.0 - rows @ (out @ Y), -(sides @ out)", "1.0 + 0.0 * rows[:, 0], -(sides @ out)",
        f"{SAMPLES}/test_interior.py::test_it_is_seldom_that_another_algorithm_is_asked",
    ),
    Fault(
        "blocks beside the diagonal counted once", "metrics.samples.blocks:overlaps",
        "(2.0, blocks[:, :, here:])", "(1.0, blocks[:, :, here:])", PAIRS,
    ),
    Fault(
        "ranks of all values in a bin of some", "metrics.samples.blocks:order_statistic",
        "np.partition(np.concatenate(kept), rank - below)[rank - below]",
        "np.partition(np.concatenate(kept), rank - below)[0]", ORDER,
    ),
    Fault(
        "distances without half of the inner products", "metrics.samples.blocks:squared_distances",
        "- 2.0 * (Z[rows] @ Z.T)", "- (Z[rows] @ Z.T)", "pytest tests/metrics/test_intrinsic.py",
    ),
    Fault(
        "the first side of a polyhedron lost", "metrics.regions.cells:_polar",
        "sides = hull.vertices[hull.vertices > 0]", "sides = hull.vertices[hull.vertices > 0][1:]",
        "pytest tests/metrics/regions/test_cells.py",
    ),
    Fault(
        "slabs that are bounded", "metrics.regions.cells:cell_around",
        "closed and len(basis) == len(inside)", "closed", "pytest tests/metrics/regions/test_cells.py",
    ),
    Fault(
        "maps that differ joined", "metrics.regions.merging:same_maps",
        "apart <= SAME *", "apart >= SAME *", "pytest tests/metrics/regions/test_linear.py",
    ),
    Fault(
        "crossings half as far along", "metrics.regions.segments._line_kernels:find_crossings",
        "shares[n], who[n] = abs(a) / step, j", "shares[n], who[n] = 0.5 * abs(a) / step, j", LINES, interpreted=True,
    ),
    Fault(
        "crossings that rounding joins kept apart", "metrics.regions.segments._line_kernels:find_crossings",
        "shares[c] - shares[last] > slacks[c] + slacks[last]", "shares[c] - shares[last] > -1.0",
        f"{SEGMENTS}/test_line_kernels.py::test_crossings_that_rounding_cannot_tell_apart_are_one", interpreted=True,
    ),
    Fault(
        "neurons that start on the wrong side", "metrics.regions.segments._line_kernels:flips",
        "(v > 0.0) | ((v == 0.0)", "(v < 0.0) | ((v == 0.0)", LINES, interpreted=True,
    ),
    Fault(
        "points in the box of a polygon and outside of it", "metrics.regions.polygons._slice_kernels:_depth",
        "depth = min(depth,", "depth = max(-depth,", "pytest tests/metrics/regions/polygons/test_slices.py", interpreted=True,
    ),
    Fault(
        "McNemar's p-value of one side", "metrics.layers.refit:mcnemar", "2.0 * float(", "1.0 * float(",
        "pytest tests/metrics/layers/test_refit.py::test_intervals_hold_the_change",
    ),
    Fault(
        "an interval of the change without its half samples", "metrics.layers.refit:paired_interval",
        "gained + 0.5, lost + 0.5, n + 2.0", "gained, lost, n",
        "pytest tests/metrics/layers/test_refit.py::test_intervals_hold_the_change",
    ),
    Fault(
        "the order that was found counted twice", "metrics.forecasting:_p_values", "own = 0", "own = 1",
        "pytest tests/metrics/test_forecasting.py::test_p_values_are_those_of_all_orders",
    ),
    Fault(
        "Fisher's interval without its three degrees", "metrics.forecasting:_fisher", "math.sqrt(size - 3)", "math.sqrt(size)",
        "pytest tests/metrics/test_forecasting.py",
    ),
    Fault(
        "a limit from outside taken for a column's", "metrics.layers.measuring:_apply", "if outer.passed():", "if False:",
        "pytest tests/metrics/layers/test_measuring.py",
    ),
    Fault(
        "an error in place of the limit of somebody else", "metrics.similarity:layer_similarity",
        "if time_limit is None or not done:", "if not done:", "pytest tests/test_time_limits.py",
    ),
)  # fmt: skip
