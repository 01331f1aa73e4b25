"""Faults in the convex program of several outputs in a plane: its cells, its price, and the way to networks and back."""

from sabotage.fault import Fault

CELLS, POINTS, LIFTING, VALUES = (
    f"pytest tests/{path}.py"
    for path in (
        "program/test_planar_cones",
        "program/test_atoms",
        "program/test_recovery",
        "integration/test_planar_programs",
    )
)

FAULTS = (
    Fault(
        "neurons of several outputs leave their cells",
        "program.cvxpy_form:_product",
        "np.outer(a, b) + np.outer(b, a)",
        "np.outer(a, a) + np.outer(b, b)",
        f"{VALUES}::test_the_programs_value_is_the_certified_optimum",
    ),
    Fault(
        "a wall of the cell beside it",
        "program.planar_cones:_walls",
        "int(used[np.argmax(angle)])",
        "int(used[np.argsort(angle)[-2:][0]])",
        f"{CELLS}::test_a_cell_is_what_its_two_walls_bound",
    ),
    Fault(
        "moments in units that are not given back",
        "program.cvxpy_form:build_moments",
        "tuple(M / unit for M in blocks)",
        "tuple(blocks)",
        f"{VALUES}::test_the_programs_value_is_the_certified_optimum",
    ),
    Fault(
        "input weights of a plane at a lower price",
        "program.cvxpy_form:build_moments",
        "price[:r, :r] = cells.basis[:k].T @ cells.basis[:k]",
        "price[:r, :r] = 0.9 * cells.basis[:k].T @ cells.basis[:k]",
        f"{VALUES}::test_the_programs_value_is_the_certified_optimum",
    ),
    Fault(
        "a moment is split along its axes",
        "program.planar_cones:split_moment",
        "(factor @ turn).T",
        "factor[:, -2:].T",
        f"{CELLS}::test_a_moment_that_is_allowed_is_that_of_two_neurons_of_the_cell",
    ),
    Fault(
        "neurons on the wrong side keep their sign",
        "program.planar_cones:split_moment",
        ">= 0.0, 1.0, -1.0)",
        ">= 0.0, 1.0, 1.0)",
        f"{CELLS}::test_a_moment_that_is_allowed_is_that_of_two_neurons_of_the_cell",
    ),
    Fault(
        "the smaller side of a cell is turned first",
        "program.planar_cones:split_moment",
        "np.argmax(",
        "np.argmin(",
        f"{CELLS}::test_what_rounding_leaves_outside_is_small",
    ),
    Fault(
        "neurons beside the plane lose what is common to all rows",
        "program.planar_cones:_plane",
        "np.vstack([across, mean / reach])",
        "np.vstack([across, bias / reach])",
        f"{CELLS}::test_neurons_of_the_plane_have_the_preactivations_of_all",
    ),
    Fault(
        "the last neuron of a cell is all that is lifted",
        "program.recovery:_moments_of",
        "moments[cells[j]] += ",
        "moments[cells[j]] = ",
        f"{LIFTING}::test_several_outputs_lift_and_recover",
    ),
    Fault(
        "a neuron within the width of a wall goes to the first cell there",
        "program.recovery:find_cell",
        "np.argmin(wrong)",
        "np.argmin(0.0 * wrong)",
        f"{LIFTING}::test_far_from_the_origin_a_neuron_goes_to_its_own_side",
    ),
    Fault(
        "moments at twice their penalty",
        "program.atoms:MomentPrimal.penalty",
        "return 0.5 * ",
        "return ",
        f"{POINTS}::test_moments_fit_and_cost_what_their_neurons_do",
    ),
    Fault(
        "one output alone decides what few patterns can fit",
        "program.interpolation:InterpolationProgram._check_span",
        "Y = self.problem.Y",
        "Y = self.problem.Y[:, :1]",
        f"{VALUES}::test_too_few_patterns_for_one_of_the_outputs",
    ),
)
