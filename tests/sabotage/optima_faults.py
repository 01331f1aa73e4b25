"""Faults in what makes an optimum the only one, and in how wide optima are."""

from sabotage.fault import Fault

CAPS, ALONE, STAIRS, FAMILIES = (
    f"pytest tests/certificate/test_{name}.py" for name in ("caps", "isolation", "staircase", "continuum")
)

FAULTS = (
    Fault(
        "walls that bend up cross a cap",
        "certificate.optima.isolation:isolate_within",
        "(pulls + drift >= 0.0).any()",
        "False",
        f"{ALONE}::test_a_wall_that_bends_up_is_not_crossed",
    ),
    Fault(
        "second singular value left out",
        "certificate.optima.isolation:_longest",
        "float(np.linalg.norm(core, 2))",
        "0.0",
        f"{ALONE}::test_a_continuum_is_alone_in_no_cap",
    ),
    Fault(
        "walls are stiff whatever their gates",
        "certificate.optima.isolation:_stiff",
        "if holds.all():",
        "if True:",
        f"{ALONE}::test_a_wall_whose_gate_is_open_holds_no_maximum",
    ),
    Fault(
        "distance of the optimum's directions by a hundredth",
        "certificate.optima.isolation:isolate_within",
        "/ (kinks.beta - length)",
        "/ (100.0 * kinks.beta)",
        f"{ALONE}::test_the_active_direction_of_a_moved_dual_point_is_within_its_bound",
    ),
    Fault(
        "shells as high as beta",
        "certificate.optima.isolation:shells",
        "- kinks.value * (2.0 * sideways + kinks.value)",
        "+ kinks.value * (2.0 * sideways + kinks.value)",
        f"{ALONE}::test_shells_bound_moved_dual_points",
    ),
    Fault(
        "opposite rows folded without their line",
        "certificate.optima.isolation:Kinks.of",
        "L = L + X[alive]",
        "L = L + 0.0 * X[alive]",
        f"{ALONE}::test_rows_on_one_wall_are_one_kink",
    ),
    Fault(
        "cones in a cap by one generator",
        "certificate.optima.caps:sweep_caps",
        "if not in_cap(G[k], p, centres[r], widths[r], unit):",
        "if k == 0 and not in_cap(G[k], p, centres[r], widths[r], unit):",
        f"{CAPS}::test_what_is_proven_holds_for_dense_directions",
        interpreted=True,
    ),
    Fault(
        "nothing asked inside shells",
        "certificate.optima.caps:bound_outside",
        "levels = np.asarray(levels, dtype=float) - slack",
        "levels = np.asarray(levels, dtype=float) + np.inf",
        f"{CAPS}::test_inside_a_shell_its_level_counts",
    ),
    Fault(
        "narrower optima overlooked",
        "certificate.optima.staircase:vertices",
        "points[:, :k].min(axis=1, initial=0.0) >=",
        "points[:, :k].min(axis=1, initial=0.0) > 0.0 *",
        f"{STAIRS}::test_vertices_and_the_narrowest_by_brute_force",
    ),
    Fault(
        "narrowest width without what is wrong with atoms",
        "certificate.optima.staircase:narrowest",
        "float(moves.max(initial=0.0)) * total",
        "0.0",
        f"{STAIRS}::test_a_narrowest_set_allows_for_atoms_that_are_off",
    ),
    Fault(
        "isolated optima above the largest irreducible one",
        "certificate.optima.staircase:Staircase.phase",
        "width in self.widths",
        "width <= self.connected_from",
        f"{STAIRS}::test_phases",
    ),
    Fault(
        "connected at once",
        "certificate.optima.staircase:Staircase.phase",
        "width >= self.connected_from",
        "width > self.least",
        "verify staircase",
    ),
    Fault(
        "a family of one dimension too many",
        "certificate.optima.continuum:follow",
        "space.shape[1] - 1, back",
        "space.shape[1], back",
        f"{FAMILIES}::test_a_quarter_of_a_circle",
    ),
)
