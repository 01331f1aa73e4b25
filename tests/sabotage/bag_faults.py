"""Faults in what samples that are bags of rows add to the doors: programs, optima, exact fits, data and files."""

from sabotage.fault import Fault

PROGRAMS, OPTIMA, FITS = (
    f"pytest tests/integration/test_bag_{name}.py" for name in ("programs", "optima", "interpolation")
)

FAULTS = (
    Fault(
        "program of bags adds up where it averages",
        "program.cvxpy_form:build",
        "output = problem.pooling.operator @ output",
        "output = (problem.pooling.operator != 0).astype(float) @ output",
        f"{PROGRAMS}::test_bags_of_unequal_size",
    ),
    Fault(
        "free bias of a block counted once",
        "program.recovery:recover_network",
        "problem.constant(W[~alive, -1], V[~alive])",
        "V[~alive].T @ problem.activation(W[~alive, -1])",
        f"{PROGRAMS}::test_a_block_of_a_free_bias_alone_becomes_output_bias_with_all_its_rows",
    ),
    Fault(
        "point of a program fitted row by row",
        "program.atoms:ConvexPrimal.fit",
        "problem.combine(rows, np.ones((1, 1)))",
        "problem.pool(rows)[:, 0] / problem.pool(np.ones_like(rows))[:, 0]",
        f"{PROGRAMS}::test_lift_then_recover_keeps_fit_and_objective",
    ),
    Fault(
        "reach of bags without the sizes of the read-outs",
        "oracle.form:Geometry._taken",
        "taken.T @ np.asarray(taken.sum(axis=1)).ravel()",
        "np.asarray(taken.sum(axis=0)).ravel()",
        f"{OPTIMA}::test_reach_and_pull_bound_what_samples_show",
    ),
    Fault(
        "pull of bags halved",
        "oracle.form:Geometry._taken",
        "np.sqrt(np.asarray(taken.multiply(taken).sum(axis=0)).ravel())",
        "0.5 * np.sqrt(np.asarray(taken.multiply(taken).sum(axis=0)).ravel())",
        f"{OPTIMA}::test_reach_and_pull_bound_what_samples_show",
    ),
    Fault(
        "atoms of bags doubled",
        "certificate.optima.optimal_set:_polytope",
        "np.ascontiguousarray(hidden * active.signs)",
        "np.ascontiguousarray(2.0 * hidden * active.signs)",
        f"{OPTIMA}::test_unique_ones_have_no_active_direction_beside_those_named",
    ),
    Fault(
        "read-outs counted as outputs in the width",
        "certificate.optima.staircase:width_lower",
        "-(-rank // problem.n_readouts)",
        "2 * rank",
        f"{OPTIMA}::test_a_neuron_of_several_read_outs_adds_its_rank_to_the_fit",
    ),
    Fault(
        "neurons of both signs counted as two",
        "certificate.optima.staircase:width_lower",
        "(problem.pooling.operator.data >= 0.0).all()",
        "True",
        f"{OPTIMA}::test_a_read_out_of_both_signs_gives_one_neuron_both_signs",
    ),
    Fault(
        "read-outs of an atom in reverse",
        "program.problem:Problem.fits",
        "self.pool(H)",
        "self.pool(H)[:, ::-1]",
        f"{OPTIMA}::test_with_several_output_weights_the_optimum_is_proven_alone",
    ),
    Fault(
        "opposite rows forgotten in what fits",
        "program.feasibility:_check_bags",
        "act.slope_neg + act.slope_pos != 0.0 and (both or not act.hinge)",
        "act.slope_neg + act.slope_pos != 0.0 and not act.hinge",
        f"{FITS}::test_feasibility_matches_the_span_of_many_neurons",
    ),
    Fault(
        "residuals of bags counted half",
        "solver.interpolate:remove_residual",
        "problem.pool(sign[j] * slopes[:, None] * (X @ basis))[:, 0]",
        "0.5 * problem.pool(sign[j] * slopes[:, None] * (X @ basis))[:, 0]",
        f"{FITS}::test_least_norms_against_cvxpy",
    ),
    Fault(
        "a group with the target of another",
        "datasets.grouped:grouped",
        "Y=rows.Y[first]",
        "Y=rows.Y[: len(first)]",
        "pytest tests/datasets/test_grouped.py",
    ),
    Fault(
        "like and unlike neighbours swapped",
        "datasets.structured:_averages",
        "same == alike",
        "same != alike",
        "pytest tests/datasets/test_structured.py",
    ),
    Fault(
        "thinned graphs keep their old numbers",
        "cli.bags:thinned",
        "np.searchsorted(chosen, found.groups[rows])",
        "np.minimum(found.groups[rows], len(chosen) - 1)",
        "pytest tests/cli/test_bags.py::test_graphs_and_series",
    ),
)
