"""The checker of proofs: every function against a slow second opinion, and every part of a file edited."""

import copy
import hashlib
import itertools
import shutil
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from proof_files import drawn, forged, records

import relucvx as rx
from relucvx.certificate import check_proof
from relucvx.certificate.check_proof import Cone, Form, Refused
from relucvx.certificate.cone_tree import _majorants
from relucvx.certificate.exact_proof import proof_text

RNG = np.random.default_rng(5)
X2 = np.array([[1.0, 0.3], [-0.5, 1.0], [0.2, -1.0], [2.0, 0.1], [1.0, 0.3], [-1.0, -1.0]])
TARGETS = {
    1: np.array([1.0, -1.0, 0.5, 2.0, -0.5, 1.0]),
    2: np.array([[1.0, 0], [0, 1], [1, 1], [-1, 2], [0, 0], [2, 1]]),
}


def text_of(c, bias="all", loss="squared"):
    """A proof file of a small problem."""
    sol = rx.solve(X2, TARGETS[c], 0.3, bias=bias, loss=loss)
    return proof_text(sol.problem, sol.inner, sol.dual)


ONE, TWO, FREE = text_of(1), text_of(2, "none"), text_of(1, "free")


def some(places):
    """Twenty of these, the first and the last among them."""
    return [places[int(k)] for k in np.unique(np.linspace(0, len(places) - 1, 20).astype(int))]


def refused(text):
    """The refusal of a text."""
    with pytest.raises(Refused) as caught:
        check_proof.check(text)
    return caught.value


@pytest.mark.parametrize("text", [ONE, TWO, FREE], ids=["one", "two", "free"])
def test_what_is_written_is_accepted_and_any_edited_line_is_named(text):
    found = check_proof.check(text)
    assert 0 < found.lower <= found.upper
    lines = text.split("\n")
    for at in some(range(1, len(lines) - 2)):
        digit = next(k for k in range(len(lines[at]) - 3, 0, -1) if lines[at][k].isdigit())
        other = lines[at][:digit] + str((int(lines[at][digit]) + 1) % 10) + lines[at][digit + 1 :]
        assert refused("\n".join([*lines[:at], other, *lines[at + 1 :]])).line == at + 1
    for at in some(range(1, len(lines) - 3)):
        assert refused("\n".join([*lines[:at], *lines[at + 1 :]])).line == at + 1


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda t: t[:-3], "the last"),
        (lambda t: t + "\n", "the last"),
        (lambda t: t.replace("[\n", "[ \n", 1), 1),
        (lambda t: t[: len(t) // 2], None),
        (lambda t: t.replace("\n", "\r\n"), 1),
        (lambda t: "", 1),
    ],
)
def test_files_that_are_cut_or_go_on_are_refused(edit, line):
    found = refused(edit(ONE))
    if line is not None:
        assert found.line == (line if line != "the last" else ONE.count("\n") - 1)


def test_lists_in_lists_without_end_are_refused():
    content = "[" * 100_000 + "]" * 100_000
    digits = hashlib.sha256(content.encode()).hexdigest()[:8]
    assert "not what is due here" in str(refused(f'[\n["{digits}", {content}]\n]\n'))


def part(name):
    """Where the first record with a name is."""
    return next(k for k, record in enumerate(records(ONE)) if isinstance(record, dict) and name in record)


FORGERIES = {
    "a larger lower bound": ("lower", lambda p, k: p[k].update(lower=p[k]["upper"]), "lower is not the value"),
    "a smaller upper bound": ("upper", lambda p, k: p[k].update(upper=p[k]["lower"]), "upper is not the objective"),
    "another scope": ("scope", lambda p, k: p[k].update(scope="GIVEN_PATTERNS"), "the scope"),
    "another beta": ("beta", lambda p, k: p[k].update(beta="1/2^2"), "upper is not the objective"),
    "beta zero": ("beta", lambda p, k: p[k].update(beta=0), "beta is not positive"),
    "another loss": ("loss", lambda p, k: p[k].update(loss="absolute"), "is not"),
    "an unknown loss": ("loss", lambda p, k: p[k].update(loss="logistic"), "unknown loss"),
    "an unknown bias": ("bias", lambda p, k: p[k].update(bias="maybe"), "unknown bias"),
    "another bias": ("bias", lambda p, k: p[k].update(bias="hidden"), "lacks|is not"),
    "no bias": ("bias", lambda p, k: p[k].update(bias="none"), "lacks|is not"),
    "another format": ("format", lambda p, k: p[k].update(format="relucvx 0"), "the format"),
    "a float": ("x", lambda p, k: p[k].update(x=[0.5, 1]), "neither a whole number"),
    "too few numbers": ("x", lambda p, k: p[k].update(x=[1]), "a list of 2 is due"),
    "a truth value": ("x", lambda p, k: p[k].update(x=[True, 1]), "neither a whole number"),
    "another input": ("x", lambda p, k: p[k].update(x=[1, 1]), "upper is not the objective"),
    "another target": ("y", lambda p, k: p[k].update(y=[7]), "is not"),
    "a negative weight": ("weight", lambda p, k: p[k].update(weight=-1), "a negative weight"),
    "no weight": ("weight", lambda p, k: p[k].update(weight=0), "upper is not|without weight"),
    "another name": ("weight", lambda p, k: p[k].update(w=1), "a record of x, y, weight is due"),
    "another neuron": ("in", lambda p, k: p[k].update(out=[1]), "upper is not the objective"),
    "another output bias": ("output_bias", lambda p, k: p[k].update(output_bias=[1]), "upper is not the objective"),
    "another dual point": ("dual", lambda p, k: p[k].update(dual=[1]), "lower is not the value"),
    "axes of a plane": ("axes", lambda p, k: p[k].update(axes=[[1, 0, 0], [0, 1, 0]]), "the axes are no basis"),
    "dependent axes": ("axes", lambda p, k: p[k].update(axes=[[1, 0, 0], [0, 1, 0], [1, 1, 0]]), "the axes are no basis"),
    "a negative shift": ("shift", lambda p, k: p[k].update(shift=-1), "whole numbers from 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_statements_are_refused_by_what_is_computed(name):
    at, edit, reason = FORGERIES[name]
    parts = records(ONE)
    assert check_proof.check(forged(parts)) == check_proof.check(ONE)
    edit(parts, part(at))
    found = refused(forged(parts))
    assert any(word in found.reason for word in reason.split("|")), found
    assert found.line > 0


@pytest.mark.parametrize("text", [ONE, TWO, FREE], ids=["one", "two", "free"])
def test_forged_cones_are_refused(text):
    parts = records(text)
    cones = next(k for k, record in enumerate(parts) if isinstance(record, dict) and "axes" in record) + 1
    several = len(parts[1]["y"]) > 1
    refusals = 0
    for at in some(range(cones, len(parts))):
        other = copy.deepcopy(parts)
        record = other[at]
        if isinstance(record[0], int):
            for wrong in ([0, 0, 1, 1], [1, 0, 1, 1], [0, 9, 1, 1], [0, 1, 0, 1], [0, 1, 1, -1], [0, 1, 1]):
                other[at] = wrong
                assert refused(forged(other)).line == at + 2
        else:
            # a leaf without its numbers proves nothing, unless there is nothing to prove
            record[0] = [0] * len(record[0])
            record[1:] = [[0] * len(v) for v in record[1:]]
            try:
                check_proof.check(forged(other))
            except Refused as error:
                refusals += error.line == at + 2
            other[at] = [[2 << 16, *record[0]], *record[1:]]
            assert refused(forged(other)).line == at + 2
    assert refusals >= (0 if several else 2)
    assert refused(forged(parts[:-1])).line == len(parts) + 1
    assert refused(forged([*parts, parts[-1]])).line == len(parts) + 2


def test_free_biases_need_rows_that_add_up_to_zero():
    parts = records(FREE)
    at = next(k for k, record in enumerate(parts) if "dual" in record)
    # the value of the dual point as it should be for this one: nothing but the sum is at fault
    parts[at]["dual"] = [f"{int(parts[at]['dual'][0].split('/')[0]) + 1}/{parts[at]['dual'][0].split('/')[1]}"]
    assert refused(forged(parts)).reason == "with free biases the columns of the dual point add up to zero"


def test_the_checker_runs_alone_without_packages(tmp_path):
    copied, file = tmp_path / "check.py", tmp_path / "proof.json"
    shutil.copy(check_proof.__file__, copied)
    file.write_text(TWO)

    def run(*arguments):
        # -I -S: neither this folder nor any installed package can be imported
        return subprocess.run([sys.executable, "-I", "-S", copied, *arguments], capture_output=True, text=True)

    done = run(file)
    assert done.returncode == 0
    assert "<= optimum <=" in done.stdout
    assert "ALL_PATTERNS" in done.stdout
    file.write_text(TWO.replace('"beta":', '"beta": '))
    done = run(file)
    assert (done.returncode, done.stdout.split(":")[:2]) == (1, ["REFUSED", " line 2"])
    assert run(tmp_path / "nowhere.json").returncode == 1
    assert "usage" in run().stdout


# ------------------------------------------------------------------------------------------------ second opinions
@pytest.mark.parametrize("loss", ["squared", "huber", "hinge", "squared_hinge", "absolute"])
@pytest.mark.parametrize("bias", ["none", "hidden", "all", "free"])
def test_both_bounds_are_those_of_the_package(loss, bias):
    rng = np.random.default_rng(len(loss) + len(bias))
    X, Y = rng.normal(size=(7, 2)), np.sign(rng.normal(size=(7, 2)))
    problem = rx.make_problem(X, Y, 0.7, loss, bias, (0.25, 1.0), rng.choice([0.0, 0.5, 2.0], size=7))
    from relucvx.certificate.exact_proof import _rational
    from relucvx.program.duality import balance_dual, dual_objective
    from relucvx.program.objective import objective

    net = problem.network(rng.normal(size=(3, problem.n_inputs)), rng.normal(size=(3, 2)), rng.normal(size=2))
    W, V, b = problem.neurons(net)
    hidden = W[:, 2] if problem.bias.has_hidden else np.zeros(3)

    def exact(A):
        return [[Fraction(t) for t in row] for row in np.atleast_2d(A).tolist()]

    neurons = list(zip(exact(W[:, :2]), exact(hidden)[0], exact(V), strict=True))
    bound = check_proof.objective(_rational(problem), neurons, exact(b)[0])
    assert float(bound) == pytest.approx(objective(problem, net), rel=1e-12)
    N = balance_dual(problem, 0.3 * rng.normal(size=(7, 2)))
    assert float(check_proof.dual_value(_rational(problem), exact(N), 0)) == pytest.approx(
        dual_objective(problem, N), rel=1e-12
    )


def test_dual_points_outside_the_domain_are_refused():
    sol = rx.solve(X2, np.sign(TARGETS[1]), 0.3, loss="hinge")
    parts = records(proof_text(sol.problem, sol.inner, sol.dual))
    at = next(k for k, record in enumerate(parts) if "dual" in record)
    parts[at]["dual"] = [2]
    assert refused(forged(parts)).reason == "a dual point outside the domain of the loss"
    parts[1]["y"] = [2]
    assert refused(forged(parts)).reason == "targets other than 1 and -1"


@pytest.mark.parametrize("p", [Fraction(1, 3), Fraction(-7, 5), Fraction(1 << 80, 3), Fraction(5), Fraction(0)])
def test_rounding_outwards(p):
    low, high = check_proof.outwards(p, up=False), check_proof.outwards(p, up=True)
    assert low <= p <= high
    assert high - low <= abs(p) / 2**62
    assert (low == high) == (p.denominator == 1)


def test_rank_and_semidefinite():
    rng = np.random.default_rng(1)
    for _ in range(60):
        A = rng.integers(-2, 3, size=(4, int(rng.integers(1, 4))))
        assert check_proof.rank(A.tolist()) == np.linalg.matrix_rank(A)
        Q = A @ A.T
        assert check_proof.semidefinite(Q.tolist())
        for k in range(4):
            Q[k, k] -= 1
            assert check_proof.semidefinite(Q.tolist()) == (np.linalg.eigvalsh(Q)[0] > -1e-9)
            Q[k, k] += 1
    assert not check_proof.semidefinite([[0, 1], [1, 5]])


def random_form(rng, n, D, c, free=False):
    """A small form in whole numbers."""
    rows = rng.integers(-3, 4, size=(n, D))
    if free:
        rows[:, -1] = 1
    bends, linear = rng.integers(-3, 4, size=(n, c)), rng.integers(-2, 3, size=(c, D))
    axes = np.eye(D - free, dtype=int).tolist()
    reach = int(np.abs(rows[:, : D - free]).max()) if free else 0
    limit = (int(rng.integers(5, 90)) << 16) ** 2
    return Form(
        rows.tolist(), bends.tolist(), (bends @ bends.T).tolist(), linear.tolist(), axes, D - free, reach, limit, 0
    )


def largest(form, cone, rng):
    """The largest |F| / |w| found in a cone, over beta."""
    G = np.array(cone.generators, dtype=float)
    W = rng.exponential(size=(400, len(G))) ** 2 @ G
    W = np.vstack([W, G])
    rows, bends = np.array(form.rows), np.array(form.bends)
    F = np.maximum(W @ rows.T, 0.0) @ bends + W @ np.array(form.linear).T
    norm = np.linalg.norm(W[:, : form.decayed], axis=1)
    return float((np.linalg.norm(F, axis=1) / norm).max()) * (1 << 16) / form.limit**0.5


def leaves_to_try(rng, c, free):
    """Cones of random forms, with lines for the mixed rows."""
    for _ in range(300):
        form = random_form(rng, 4, 3, c, free)
        for cone in itertools.islice(check_proof.starts(form), 2):
            for part in check_proof.split(form, cone, 0, 1, *map(int, rng.integers(1, 5, 2))):
                yield form, part, [int(t) for t in rng.integers(0, 3, len(part.mixed)) << 15]


def vector_above(form, part, lines, sign, bends_up):
    """The least vector above a sign of F at the generators, with chords for rows that bend up, or with the roles exchanged."""
    Z, bend = np.array(part.z, dtype=float), sign * np.array(form.bends)[part.mixed, 0]
    line, chord = Z * np.array(lines) / (1 << 16), np.maximum(Z, 0.0)
    b = sign * np.array(part.generators) @ np.array(part.linear[0])
    b = b + np.where((bend > 0) == bends_up, chord, line) @ bend
    lead = np.array(part.generators, dtype=float)[:, : form.decayed]
    v = _majorants(lead[None], form.decayed, b[None] + 2e-3)[0][0]
    return [int(t) for t in np.rint(v * (1 << 16))]


@pytest.mark.parametrize("free", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_vectors_prove_what_is_false(free):
    """One output: the least vectors are accepted for a beta as large, and for none that a direction contradicts."""
    rng = np.random.default_rng(free)
    proper, wrong = [], 0
    for form, part, lines in leaves_to_try(rng, 1, free):
        up, down = (vector_above(form, part, lines, sign, True) for sign in (1, -1))
        others = [vector_above(form, part, lines, sign, False) for sign in (1, -1)]
        nothing = [0] * form.decayed
        for vectors in ((up, down), (up, nothing), (nothing, down), (up, up), (down, down), others):
            size = max(check_proof.dot(v, v) for v in vectors)
            tight = form._replace(limit=max(size, 1))
            good, top = check_proof.scalar_leaf(tight, part, lines, *vectors), largest(tight, part, rng)
            if vectors == (up, down):
                proper.append(good)
            wrong += top > 1.0 + 1e-9
            assert not (good and top > 1.0 + 1e-9)
    # rows of free biases are dependent where generators differ in their bias alone: some vectors are not found there
    assert np.mean(proper) > (0.5 if free else 0.99)
    assert wrong > 50


@pytest.mark.parametrize("free", [False, True])
def test_no_shares_prove_what_is_false(free):
    """Several outputs: where random lines and shares are accepted, no direction of the cone contradicts."""
    rng = np.random.default_rng(20 + free)
    accepted, wrong = 0, 0
    for form, part, lines in leaves_to_try(rng, 2, free):
        size = len(part.generators)
        good = check_proof.vector_leaf(
            form, part, lines, [int(t) for t in rng.integers(0, 3, size * (size - 1) // 2) << 15]
        )
        top = largest(form, part, rng)
        accepted += good
        wrong += top > 1.0
        assert not (good and top > 1.0 + 1e-12)
    assert accepted > 10
    assert wrong > 50


@pytest.mark.parametrize("free", [False, True])
def test_cones_cover_all_directions(free):
    rng = np.random.default_rng(3)
    form = random_form(rng, 5, 3, 1, free)
    cones = list(check_proof.starts(form))
    halves = [half for cone in cones for half in check_proof.split(form, cone, 0, 2, 3, 5)]
    halves = [half for cone in halves for half in check_proof.split(form, cone, 0, 1, 1, 7)]
    for _ in range(300):
        w = rng.normal(size=3)
        if free:
            w[2] = rng.uniform(-1, 1) * form.reach * np.abs(w[:2]).sum()
        for cover in (cones, halves):
            inside = [np.linalg.solve(np.array(cone.generators, dtype=float).T, w).min() for cone in cover]
            assert max(inside) >= -1e-12


def test_cones_keep_the_rows_whose_signs_differ():
    rng = np.random.default_rng(4)
    form = random_form(rng, 6, 3, 2)
    cone: Cone = next(check_proof.starts(form))
    for _ in range(4):
        cone = check_proof.split(form, cone, *[(0, 1), (1, 2), (0, 2)][rng.integers(3)], 3, 2)[rng.integers(2)]
        Z = np.array(cone.generators) @ np.array(form.rows).T
        mixed = [i for i in range(6) if Z[:, i].min() < 0 < Z[:, i].max()]
        assert cone.mixed == mixed
        assert cone.z == Z[:, mixed].tolist()
        on = [i for i in range(6) if Z[:, i].min() >= 0]
        expected = np.array(form.linear) + np.array(form.bends)[on].T @ np.array(form.rows)[on]
        assert np.array_equal(cone.linear, expected)


def test_a_dual_norm_above_beta_is_not_proven():
    """The point of a proof made longer: the values of the file are right, and a cone refuses."""
    sol = rx.solve(X2, TARGETS[1], 0.3)
    parts = records(proof_text(sol.problem, sol.inner, sol.dual))
    stated = check_proof.check(forged(parts)).problem
    rows = [k for k, record in enumerate(parts) if "dual" in record]
    N = [[check_proof.number(t) * Fraction(33, 32) for t in parts[k]["dual"]] for k in rows]

    def written(t):
        return f"{t.numerator}/2^{t.denominator.bit_length() - 1}"

    for k, row in zip(rows, N, strict=True):
        parts[k]["dual"] = [written(t) for t in row]
    value = check_proof.outwards(check_proof.dual_value(stated, N, 0), up=False)
    at = next(k for k, record in enumerate(parts) if "lower" in record)
    parts[at]["lower"] = written(value)
    assert refused(forged(parts)).reason == "the dual norm is not bounded by beta on this cone"


def test_drawn_problems_are_of_every_kind():
    rng = np.random.default_rng(0)
    found = [drawn(rng, "degenerate", 10, 2) for _ in range(12)]
    assert len({problem.bias for problem in found}) > 2
