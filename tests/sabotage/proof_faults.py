"""Faults in the checker of exact proofs: each would let a false proof through, or misstate what is proven."""

from sabotage.fault import Fault

CHECKER = "pytest tests/certificate/test_check_proof.py"
NO_VECTORS, NO_SHARES = (f"{CHECKER}::test_no_{what}_prove_what_is_false" for what in ("vectors", "shares"))

FAULTS = (
    Fault(
        "proof: only one sign of the dual norm is looked at",
        "certificate.check_proof:scalar_leaf",
        "for sign, v in ((1, up), (-1, down)):",
        "for sign, v in ((1, up), (1, up)):",
        f"{NO_VECTORS}[False]",
    ),
    Fault(
        "proof: lines where chords belong",
        "certificate.check_proof:scalar_leaf",
        "if bend > 0 else line * t",
        "if bend < 0 else line * t",
        f"{NO_VECTORS}[False]",
    ),
    Fault(
        "proof: what lines lose is not counted",
        "certificate.check_proof:vector_leaf",
        " - dot(above[k], pull[l]) - dot(above[l], pull[k])",
        "",
        f"{NO_SHARES}[False]",
    ),
    Fault(
        "proof: shares of negative entries are left out, too",
        "certificate.check_proof:vector_leaf",
        "(ONE - part if q > 0 else ONE)",
        "(ONE - part)",
        f"{NO_SHARES}[False]",
    ),
    Fault(
        "proof: a negative pivot is no objection",
        "certificate.check_proof:semidefinite",
        "if pivot < 0 or (pivot == 0 and any(row)):",
        "if pivot == 0 and any(row):",
        f"{CHECKER}::test_rank_and_semidefinite",
    ),
    Fault(
        "proof: half of a cone is lost in a split",
        "certificate.check_proof:split",
        "for out in (k, l):",
        "for out in (k, k):",
        f"{CHECKER}::test_cones_cover_all_directions",
    ),
    Fault(
        "proof: orthants of one sign are left out",
        "certificate.check_proof:starts",
        "itertools.product((1, -1), repeat=len(form.axes))",
        "itertools.product((1, 1), repeat=len(form.axes))",
        f"{CHECKER}::test_cones_cover_all_directions",
    ),
    Fault(
        "proof: the last step of the prism is left out",
        "certificate.check_proof:starts",
        "for k in range(len(lead)):",
        "for k in range(len(lead) - 1):",
        f"{CHECKER}::test_cones_cover_all_directions",
    ),
    Fault(
        "proof: mixed rows count as on",
        "certificate.check_proof:sort",
        "if min(here, default=0) >= 0:",
        "if max(here, default=0) >= 0:",
        f"{CHECKER}::test_cones_keep_the_rows_whose_signs_differ",
    ),
    Fault(
        "proof: the decayed output bias costs nothing in the dual value",
        "certificate.check_proof:dual_value",
        'if problem.bias == "all":',
        'if problem.bias == "some":',
        f"{CHECKER}::test_both_bounds_are_those_of_the_package",
    ),
    Fault(
        "proof: hidden biases are not decayed",
        "certificate.check_proof:objective",
        'if problem.bias != "free":',
        'if problem.bias == "all":',
        f"{CHECKER}::test_both_bounds_are_those_of_the_package",
    ),
    Fault(
        "proof: axes need not span the samples",
        "certificate.check_proof:make_form",
        "rank(axes) == len(axes) == rank([*axes, *lead])",
        "rank(axes) == len(axes)",
        f"{CHECKER}::test_forged_statements_are_refused_by_what_is_computed",
    ),
    Fault(
        "proof: columns need not add up to zero with free biases",
        "certificate.check_proof:dual_value",
        "need(not any(sums),",
        "need(True,",
        f"{CHECKER}::test_free_biases_need_rows_that_add_up_to_zero",
    ),
    Fault(
        "proof: the statement is taken from the file",
        "certificate.check_proof:check_records",
        "need(number(lower) == below,",
        "need(number(lower) >= below,",
        f"{CHECKER}::test_forged_statements_are_refused_by_what_is_computed",
    ),
    Fault(
        "proof: numbers are rounded inwards",
        "certificate.check_proof:outwards",
        "math.ceil(value / grid) if up else math.floor(value / grid)",
        "math.floor(value / grid) if up else math.ceil(value / grid)",
        f"{CHECKER}::test_rounding_outwards",
    ),
)
