"""Faults in exact fits of several outputs: their program, the climbs that find its columns, and the last Newton steps."""

from sabotage.fault import Fault

FITS, RIDGES, POLISH = (
    f"pytest tests/{path}.py"
    for path in ("solver/test_interpolate_several_outputs", "oracle/test_ridges", "solver/test_exact_polish")
)

FAULTS = (
    Fault(
        "the fit demanded is twice the targets",
        "solver.group_program:_exact_fit",
        "Y.ravel() / sy",
        "2.0 * Y.ravel() / sy",
        f"{FITS}::test_the_solver_alone_reports_its_rounds",
    ),
    Fault(
        "a climb stays on every wall it meets",
        "oracle.ridges:_Climb._leave_a_wall",
        "map(int, np.flatnonzero(self.held))",
        "map(int, ())",
        f"{RIDGES}::test_ends_are_maxima_where_ends_of_gradient_steps_are_not",
    ),
    Fault(
        "a climb crosses every wall it meets",
        "oracle.ridges:_Climb._towards",
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
)
