"""Faults in exact fits of several outputs: their program, the climbs that find its columns, and the last Newton steps."""

from sabotage.fault import Fault

FITS, RIDGES, POLISH = (
    f"pytest tests/{path}.py"
    for path in ("solver/test_interpolate_several_outputs", "oracle/test_ridges", "solver/test_exact_polish")
)

FAULTS = (
    Fault(
        "the fit demanded is that of other samples",
        "solver.group_program:_exact_fit",
        "Y.ravel() / sy",
        "Y[::-1].ravel() / sy",
        f"{FITS}::test_the_solver_alone_reports_its_rounds",
    ),
    Fault(
        "a climb stays on every wall it meets",
        "oracle.ridges:Climb._leave_a_wall",
        "map(int, np.flatnonzero(self.held))",
        "map(int, ())",
        f"{RIDGES}::test_ends_are_maxima_where_ends_of_gradient_steps_are_not",
    ),
    Fault(
        "a climb crosses every wall it meets",
        "oracle.ridges:Climb._towards",
        "self.held[first] = True",
        "self.held[first] = False",
        f"{RIDGES}::test_ends_are_maxima_where_ends_of_gradient_steps_are_not",
    ),
    Fault(
        "multipliers of the fit with the wrong sign in Newton's matrix",
        "solver.exact_polish:_ExactNewton.run_exact",
        "self.curvature(-N)",
        "self.curvature(N)",
        POLISH,
    ),
    Fault(
        "one read-out alone decides what bags can fit",
        "program.feasibility:_side_by_side",
        "A.reshape(bags.n_samples, -1)",
        "A[: bags.n_samples]",
        f"{FITS}::test_bags_with_several_readouts",
    ),
    Fault(
        "penalty of the output bias forgotten in the last Newton steps",
        "solver.joint_polish:JointNewton._strengths",
        "np.full(size - self.at_b, self.decay)",
        "np.zeros(size - self.at_b)",
        "pytest tests/solver/test_exact_polish.py::test_decayed_output_biases_are_stationary",
    ),
    Fault(
        "branches of equal signs left out of the dual norm",
        "oracle.branches:branch_norm",
        "ROOT2 * whole.lower / UP, ROOT2 * whole.upper * UP",
        "0.5 * whole.lower, 0.5 * whole.upper",
        "pytest tests/oracle/test_branches.py::test_two_layers_are_among_the_branches",
    ),
    Fault(
        "one sign of the dual point is not looked at",
        "oracle.branches:branch_norm",
        "((1.0, SHARE), (-1.0, 1.0))",
        "((1.0, SHARE),)",
        "pytest tests/oracle/test_branches.py::test_either_sign_of_the_dual_point_has_the_same_norm",
    ),
    Fault(
        "concave parts bounded by their chords",
        "oracle.branch_kernels:over_generators",
        "line = A[k, i] if first else (B[k, i] if second else 0.0)",
        "line = max(max(A[k, i], B[k, i]), 0.0)",
        "pytest tests/oracle/test_branch_kernels.py::test_bounds_hold_all_over_the_cone_and_shrink_with_it",
        interpreted=True,
    ),
    Fault(
        "inner biases free of charge",
        "network.parallel:ParallelReLU.path_norms",
        "(self.lifted_in**2)",
        "(self.weights_in**2)",
        "pytest tests/network/test_parallel.py::test_outputs_and_norms_are_the_definitions",
    ),
    Fault(
        "the penalty of an output bias forgotten",
        "program.paths:path_penalty",
        "penalty += 0.5",
        "penalty += 0.0",
        "pytest tests/program/test_paths.py",
    ),
)
