"""Faults in covers of cones, and in the dual points found with them."""

from sabotage.fault import Fault

COVER = "pytest tests/oracle/test_cover.py"

FAULTS = (
    Fault(
        "lines of an atom with the slope of chords",
        "oracle.cover_kernels:write_atom",
        "line = chord if slope[r] < 0.0 else slope[r] * Z[k, r]",
        "line = chord",
        f"{COVER}::test_atoms_are_gradients_they_give_the_bound_here_and_less_than_it_elsewhere",
        True,
    ),
    Fault(
        "an atom from unscaled multipliers",
        "oracle.cover_kernels:write_atom",
        "share = room.alpha[k] / length",
        "share = room.alpha[k]",
        f"{COVER}::test_atoms_are_gradients_they_give_the_bound_here_and_less_than_it_elsewhere",
        True,
    ),
    Fault(
        "both halves of a cone on one side",
        "oracle.cover_kernels:halve_all",
        "nodes[first + q, l, j] = room.point[j]",
        "nodes[first + q, k, j] = room.point[j]",
        f"{COVER}::test_every_cone_bounds_the_values_in_it_and_no_direction_is_left_out",
        True,
    ),
    Fault(
        "atoms of rows of weight one",
        "oracle.cover:Cover.atoms",
        "within / weight[self._order, None]",
        "within",
        f"{COVER}::test_atoms_are_gradients_they_give_the_bound_here_and_less_than_it_elsewhere",
    ),
    Fault(
        "halves keep the bound of the whole",
        "oracle.cover:Cover.halve",
        "self.refresh(halves)",
        "pass",
        "pytest tests/oracle/test_cover.py",
    ),
    Fault(
        "half of the penalty in coordinate descent",
        "certificate.relaxed_program:descend_coordinates",
        "slope = beta\n",
        "slope = 0.5 * beta\n",
        "pytest tests/certificate/test_relaxed_program.py::test_coordinate_descent_ends_where_no_coordinate_can_win",
        True,
    ),
    Fault(
        "the way to the residual leads elsewhere",
        "certificate.between:proofs_between",
        "inside + share * (aim - inside)",
        "inside - share * inside",
        "pytest tests/certificate/test_between.py::test_it_ends_once_enough_is_proven",
    ),
)
