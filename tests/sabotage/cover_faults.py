"""Faults in covers of cones and in the lifted program, and in the dual points found with them."""

from sabotage.fault import Fault

COVER = "pytest tests/oracle/test_cover.py"
RELAXED = "pytest tests/certificate/dual_points/test_relaxed_program.py"
LIFTED = "pytest tests/certificate/dual_points/test_lifted_program.py"
SIGNED = "pytest tests/certificate/dual_points/test_signed_program.py"

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
        "certificate.dual_points.relaxed_program:descend_coordinates",
        "slope = beta\n",
        "slope = 0.5 * beta\n",
        f"{RELAXED}::test_coordinate_descent_ends_where_no_coordinate_can_win",
        True,
    ),
    Fault(
        "the way to the residual leads elsewhere",
        "certificate.dual_points.between:proofs_between",
        "inside + share * (aim - inside)",
        "inside - share * inside",
        "pytest tests/certificate/dual_points/test_between.py::test_it_ends_once_enough_is_proven",
    ),
    Fault(
        "products of a neuron's two sides with the wrong sign",
        "certificate.dual_points.lifted_program:products_of",
        "mixed = first - sw @ R.T",
        "mixed = first + sw @ R.T",
        f"{LIFTED}::test_products_and_their_adjoint_are_those_of_the_matrix",
    ),
    Fault(
        "the multiplier of the fit with the wrong sign",
        "certificate.dual_points.lifted_program:LiftedProgram._check",
        "N = -self.rho",
        "N = self.rho",
        f"{LIFTED}::test_it_proves_what_an_interior_point_method_does_and_never_more_than_the_optimum",
    ),
    Fault(
        "the ridge is used and not handed out",
        "certificate.dual_points.lifted_program:LiftedProgram._moved",
        "out[pair, len(pair) + pair] -= 0.5 * ridge",
        "pass",
        f"{LIFTED}::test_iterates_far_from_feasible_prove_what_was_made_good_in_them",
    ),
    Fault(
        "half of the penalty on neurons in the lifted program",
        "certificate.dual_points.lifted_program:LiftedProgram._step",
        "wanted[np.arange(k), np.arange(k)] -= 0.5 * self.strength",
        "wanted[np.arange(k), np.arange(k)] -= 0.25 * self.strength",
        f"{LIFTED}::test_it_proves_what_an_interior_point_method_does_and_never_more_than_the_optimum",
    ),
    Fault(
        "a multiplier that may be negative",
        "program.lifting:lifted_dual_norm",
        "np.maximum(S, 0.0)",
        "S",
        f"{LIFTED}::test_any_multiplier_bounds_the_dual_norm",
    ),
    Fault(
        "a column of multipliers outside its cone",
        "program.signed_lifting:signed_dual_norm",
        "np.maximum(C[0], least)",
        "C[0]",
        "pytest tests/program/test_signed_lifting.py::test_columns_outside_their_cone_are_not_believed",
    ),
    Fault(
        "neurons that take away are priced as those that add",
        "certificate.dual_points.signed_program:SignedProgram._check",
        "(slope, -slope)",
        "(slope, slope)",
        f"{SIGNED}::test_it_proves_what_an_interior_point_method_does_and_never_more_than_the_optimum",
    ),
    Fault(
        "the ridge of one sign is used and not handed out",
        "certificate.dual_points.signed_program:_Sign.norm",
        "mixed[pair, pair] -= 0.5 * ridge",
        "pass",
        f"{SIGNED}::test_iterates_far_from_feasible_prove_what_was_made_good_in_them",
    ),
    Fault(
        "the unit of the inputs is not brought back",
        "certificate.proof:prove_lifted",
        "unit * multiplier_bound(",
        "multiplier_bound(",
        f"{LIFTED}::test_units_change_nothing",
    ),
)
