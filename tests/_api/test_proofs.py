"""The doors of exact proofs, and what was asked of them: a hundred problems, two thousand edits."""

import json
import resource
import subprocess
import sys

import numpy as np
import pytest
from proof_files import drawn, forged, records

import relucvx as rx
from relucvx.certificate import check_proof
from relucvx.certificate.exact_proof import proof_text
from relucvx.errors import DataFileError, InvalidInputError, ProofError

X, Y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]


def test_written_and_checked_again(tmp_path):
    sol = rx.solve(X, Y, 1.0, bias="all")
    made = rx.write_proof(sol, tmp_path / "proof.json")
    again = rx.check_proof(tmp_path / "proof.json")
    assert (again.digest, again.lower_exact, again.upper_exact) == (made.digest, made.lower_exact, made.upper_exact)
    assert again.lower <= again.lower_exact <= again.upper_exact <= again.upper
    assert again.upper - again.lower < 1e-6 * again.upper
    assert again.scope is rx.Scope.ALL_PATTERNS
    assert 0.0 < again.rel_gap < 1e-6
    assert again.rel_gap >= (again.upper_exact - again.lower_exact) / again.upper_exact
    # the problem is the one that was solved, bit for bit, and can be solved again
    assert np.array_equal(again.problem.X, sol.problem.X)
    assert (again.problem.beta, again.problem.bias, again.problem.loss) == (1.0, "all", sol.problem.loss)
    assert again.lower <= rx.solve(again.problem).objective <= again.upper * (1 + 1e-9)
    facts = json.loads(json.dumps(again.to_dict()))
    assert facts["scope"] == "ALL_PATTERNS"
    assert "/" in facts["lower_exact"]
    json.loads((tmp_path / "proof.json").read_text())


def test_proofs_of_one_statement_have_one_digest(tmp_path):
    sol = rx.solve(X, Y, 1.0)
    digests = [rx.write_proof(sol, tmp_path / "a.json", room=room).digest for room in (1e-6, 1e-6, 1e-5)]
    assert digests[0] == digests[1] != digests[2]


def test_what_is_refused_says_why(tmp_path):
    sol = rx.solve(X, Y, 1.0)
    file = tmp_path / "proof.json"
    with pytest.raises(InvalidInputError, match="a Solution"):
        rx.write_proof(sol.network, file)
    with pytest.raises(InvalidInputError, match="room below 1"):
        rx.write_proof(sol, file, room=1.0)
    with pytest.raises(DataFileError, match="mkdir"):
        rx.write_proof(sol, tmp_path / "nowhere" / "proof.json")
    with pytest.raises(DataFileError, match="a proof that can be read"):
        rx.check_proof(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ProofError, match="a file that proves its statement"):
        rx.check_proof(file)
    rx.write_proof(sol, file)
    file.write_text(file.read_text().replace('"scope":"ALL_PATTERNS"', '"scope":"ALL"'))
    with pytest.raises(ProofError, match="line 7: edited"):
        rx.check_proof(file)


def test_nothing_is_written_without_a_proof(tmp_path):
    rng = np.random.default_rng(0)
    sol = rx.solve(rng.normal(size=(12, 3)), rng.normal(size=12), 0.2)
    file = tmp_path / "proof.json"
    with pytest.raises(ProofError, match="a proof of less time"):
        rx.write_proof(sol, file, time_limit=1e-9)

    def press(done, waiting):
        raise KeyboardInterrupt

    with pytest.raises(rx.Interrupted):
        rx.write_proof(sol, file, callback=press)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------ what was asked
KINDS = ["degenerate", "two outputs", "plain", "plain", "plain"]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_a_hundred_problems_are_checked_within_five_seconds_each(part, tmp_path):
    """n <= 30, d <= 4, any bias, loss, activation and weights; a fifth degenerate, a fifth with two outputs."""
    file = tmp_path / "proof.json"
    for seed in range(20 * part, 20 * part + 20):
        problem = drawn(np.random.default_rng(seed), KINDS[seed % 5])
        sol = rx.solve(problem, tol=1e-7, time_limit=60)
        proof = rx.write_proof(sol, file)
        began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = subprocess.run([sys.executable, "-I", "-S", check_proof.__file__, file], capture_output=True, text=True)
        # of its own, so that other work on the machine does not count
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began
        assert done.returncode == 0, (seed, done.stdout)
        assert seconds < 5.0, seed
        assert proof.rel_gap <= 1e-6, seed
        print(
            f"{seed} {KINDS[seed % 5]}: {seconds:.2f} s, {proof.cones} cones, {file.stat().st_size} B, {proof.rel_gap:.1e}"
        )


def random_edit(text, rng):
    """One change somewhere: a character, a line left out, doubled or moved, or two characters exchanged."""
    lines, kind = text.split("\n"), rng.integers(6)
    at = int(rng.integers(len(text)))
    if kind < 2:
        return text[:at] + str(rng.choice(list('0123456789-/^[]{}," abcdef'))) + text[at + (kind == 0) :]
    if kind == 2:
        return text[:at] + text[at + 1 :]
    k, l = (int(t) for t in rng.integers(len(lines), size=2))
    if kind == 3:
        return "\n".join(lines[:k] + lines[k + 1 :])
    if kind == 4:
        return "\n".join([*lines[:k], lines[l], *lines[k:]])
    lines[k], lines[l] = lines[l], lines[k]
    return "\n".join(lines)


def random_forgery(text, rng):
    """One number of one record changed, and all digits made to fit."""
    parts = records(text)
    spots = []

    def walk(value, path):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, [*path, key])
        elif isinstance(value, list):
            for key, inner in enumerate(value):
                walk(inner, [*path, key])
        else:
            spots.append(path)

    at = int(rng.integers(len(parts)))
    walk(parts[at], [])
    if not spots:  # a leaf without numbers
        return text
    path = spots[int(rng.integers(len(spots)))]
    holder = parts[at]
    for key in path[:-1]:
        holder = holder[key]
    old = holder[path[-1]]
    if isinstance(old, int):
        holder[path[-1]] = old + int(rng.choice([-1000, -1, 1, 7, 100000]))
    elif "/2^" in old:
        top, low = old.split("/2^")
        holder[path[-1]] = f"{int(top) + int(rng.choice([-(10**9), -1, 1, 10**9]))}/2^{low}"
    else:
        holder[path[-1]] = str(rng.choice(["squared", "huber", "absolute", "none", "hidden", "all", "free", "0"]))
    return forged(parts)


def accepted(text):
    """The statement of a text, or None."""
    try:
        return check_proof.check(text)
    except check_proof.Refused:
        return None


def small_files():
    """Proof files of every kind, small enough to be checked thousands of times."""
    for seed, kind in enumerate(["plain", "degenerate", "two outputs", "plain", "degenerate", "two outputs"]):
        problem = drawn(np.random.default_rng(seed), kind, most_samples=10, most_features=2)
        sol = rx.solve(problem, tol=1e-8)
        yield problem, proof_text(problem, sol.inner, sol.dual)


@pytest.mark.slow
def test_of_two_thousand_edits_none_is_accepted_that_changes_the_statement():
    rng, taken = np.random.default_rng(0), 0
    files = [(check_proof.check(text), text) for _, text in small_files()]
    for k in range(2000):
        statement, text = files[k % len(files)]
        edited = random_edit(text, rng)
        found = accepted(edited)
        assert found is None or (edited == text and found == statement)
        taken += edited == text
    assert taken < 200


@pytest.mark.slow
def test_forged_files_that_are_accepted_state_what_is_true():
    """Whoever makes the digits anew states something else, which then holds: of other data, it is still their optimum."""
    rng, taken, other = np.random.default_rng(1), 0, 0
    files = list(small_files())
    for k in range(1500):
        _, text = files[k % len(files)]
        found = accepted(random_forgery(text, rng))
        if found is None:
            continue
        taken += 1
        before = check_proof.check(text)
        if found.digest != before.digest:
            other += 1
            p = found.problem
            floats = [[[float(t) for t in row] for row in A] for A in (p.X, p.Y)]
            slopes, weights = (tuple(map(float, A)) for A in (p.slopes, p.weights))
            sol = rx.solve(*floats, float(p.beta), p.loss, p.bias, slopes, np.array(weights), tol=1e-8)
            assert found.lower <= sol.certificate.upper
            assert sol.certificate.lower <= found.upper
    # numbers of leaves are there with room: to change these changes no statement
    assert taken > other
