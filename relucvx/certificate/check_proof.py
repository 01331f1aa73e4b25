"""Check a proof that two numbers enclose the optimum of a two-layer network: ``python check_proof.py proof.json``.

This file needs nothing but Python's standard library, may be copied anywhere, and is meant to be read. It computes in whole
numbers (and fractions of them) alone: nothing is rounded, but for the two numbers of the statement, which are rounded outwards.

The statement
    Over all networks f(x) = b + Σ_j v_j φ(w_j·x + b_j) of any width, φ(t) = slope_neg·min(t, 0) + slope_pos·max(t, 0),
        lower <= inf  Σ_i weight_i Σ_k h(f(x_i)_k, y_ik) + beta/2 Σ (squares of weights and of decayed biases) <= upper.
    Biases: "none" has none; "hidden" has b_j, decayed; "all" has b_j and b, decayed; "free" has both, not decayed.

Why it holds
    upper: the objective of the network in the file.
    lower: let N (n x c) be such that, with |w| the norm of the decayed part of a neuron w = (w_j, b_j),
            |F(w)| <= beta |w| for every w,  F(w) = Σ_i φ(x_i·w) N_i   (x_i with an entry 1 if there are hidden biases).   (*)
        A neuron costs beta/2 (|w|² + |v|²) >= beta |w| |v| >= v·F(w), so that the objective is at least loss(f) + Σ_ik N_ik
        (f(x_i) - b)_k + cost of b. Entry by entry, h(f, y) + t f >= dual(t, y), with t = N_ik / weight_i. What is left of b is
        -b·s + beta/2 |b|² >= -|s|² / (2 beta) for "all", where s is the sum of the rows of N; for "free" s must be zero.
    (*): the space of w is covered by cones of nonnegative combinations of generators. A cone is split by a point on one of its
        edges, or is a leaf, where (*) is checked as written at `scalar_leaf` (one output) and `vector_leaf` (several).

The file is JSON, one record to a line. Every line starts with eight digits of the SHA-256 of all records up to its own, so that
an edit is refused with its line; but that somebody makes these digits anew proves nothing: all is computed from the data.
Numbers are whole numbers or "p/2^k" in quotes, as every float64 is one.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

FORMAT = "relucvx 1"
ONE = 1 << 16  # slopes of lines and shares of a leaf are whole numbers over this
BITS = 64  # of the numbers of the statement
Row = tuple[Fraction, ...]
pair = functools.partial(zip, strict=True)


class Refused(ValueError):
    """The proof does not hold; ``line`` is the line of the file at fault, 0 for the file as a whole."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line, self.reason = line, reason


def need(condition: bool, line: int, reason: str) -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise Refused(line, reason)


# ------------------------------------------------------------------------------------------------ losses
# name: h(f, y), and dual(t, y) = min over f of h(f, y) + t f, or None where that is -infinity
LOSSES: dict[str, tuple[Any, Any]] = {
    "squared": (lambda f, y: (f - y) ** 2 / 2, lambda t, y: t * y - t * t / 2),
    "huber": (
        lambda f, y: (f - y) ** 2 / 2 if abs(f - y) <= 1 else abs(f - y) - Fraction(1, 2),
        lambda t, y: t * y - t * t / 2 if abs(t) <= 1 else None,
    ),
    "absolute": (lambda f, y: abs(f - y), lambda t, y: t * y if abs(t) <= 1 else None),
    "hinge": (lambda f, y: max(0, 1 - y * f), lambda t, y: t * y if 0 <= t * y <= 1 else None),
    "squared_hinge": (lambda f, y: max(0, 1 - y * f) ** 2, lambda t, y: t * y - t * t / 4 if t * y >= 0 else None),
}
SIGNS_ONLY = ("hinge", "squared_hinge")  # targets are 1 or -1


# ------------------------------------------------------------------------------------------------ reading
class Problem(NamedTuple):
    """Samples with their targets and weights, and what the objective is made of."""

    loss: str
    bias: str
    slopes: Row
    beta: Fraction
    X: tuple[Row, ...]
    Y: tuple[Row, ...]
    weights: Row


class Statement(NamedTuple):
    """What a file proves: ``lower <= optimum <= upper``; ``digest`` is the SHA-256 of the statement with its data."""

    problem: Problem
    lower: Fraction
    upper: Fraction
    scope: str
    digest: str
    cones: int


def number(value: Any) -> Fraction:
    """A whole number, or "p/2^k"."""
    if type(value) is int:
        return Fraction(value)
    match = re.fullmatch(r"(-?[0-9]+)/2\^([0-9]{1,4})", value) if type(value) is str else None
    if match is None:
        raise ValueError(f'{value!r} is neither a whole number nor "p/2^k"')
    return Fraction(int(match[1]), 1 << int(match[2]))


def listed(values: Any, count: int) -> list[Any]:
    """A list of that length."""
    if type(values) is not list or len(values) != count:
        raise ValueError(f"a list of {count} is due")
    return values


def numbers(values: Any, count: int) -> Row:
    """A list of so many numbers."""
    return tuple(map(number, listed(values, count)))


def wholes(values: Any, count: int, least: float = -math.inf, most: float = math.inf) -> list[int]:
    """A list of so many whole numbers, each of at least and at most so much."""
    if not all(type(v) is int and least <= v <= most for v in listed(values, count)):
        raise ValueError(f"whole numbers from {least} to {most} are due")
    return values


class Records:
    """The records of a file in their order, each compared with the digits before it."""

    def __init__(self, text: str) -> None:
        self.lines, self.at, self.sum = text.split("\n"), 1, hashlib.sha256()
        need(self.lines[0] == "[", 1, "no proof, which begins with [ alone on its line")

    def take(self, *names: str) -> Any:
        """The next record: one with exactly these names, or any list where there are none."""
        self.at += 1
        line = self.lines[self.at - 1] if self.at <= len(self.lines) else ""
        shape = re.fullmatch(r'\["([0-9a-f]{8})", (.*)\](,?)', line)
        if shape is None:
            raise Refused(self.at, 'a record ["digits", ...] is due')
        self.sum.update(shape[2].encode())
        need(self.sum.hexdigest()[:8] == shape[1], self.at, "edited: the digits at its start are those of another text")
        last = self.lines[self.at :] == ["]", ""]
        need(bool(shape[3]) != last, self.at, "records are separated by commas, and ] ends the file")
        record = json.loads(shape[2])
        if names:
            fits = type(record) is dict and list(record) == list(names)
            need(fits, self.at, f"a record of {', '.join(names)} is due")
            return [record[name] for name in names]
        need(type(record) is list, self.at, "a cone is due")
        return record


def read_problem(records: Records) -> Problem:
    """The first record and those of the samples."""
    form, loss, bias, slopes, beta, counts = records.take("format", "loss", "bias", "slopes", "beta", "shape")
    need(form == FORMAT, 2, f"the format {form!r} is not {FORMAT!r}")
    need(loss in LOSSES, 2, f"unknown loss {loss!r}")
    need(bias in ("none", "hidden", "all", "free"), 2, f"unknown bias {bias!r}")
    n, d, c = wholes(counts, 3, 1)
    strength = number(beta)
    need(strength > 0, 2, "beta is not positive")
    X, Y, weights = [], [], []
    for _ in range(n):
        x, y, weight = records.take("x", "y", "weight")
        X.append(numbers(x, d))
        Y.append(numbers(y, c))
        weights.append(number(weight))
        need(weights[-1] >= 0, records.at, "a negative weight")
        need(loss not in SIGNS_ONLY or {*Y[-1]} <= {1, -1}, records.at, "targets other than 1 and -1")
    return Problem(loss, bias, numbers(slopes, 2), strength, tuple(X), tuple(Y), tuple(weights))


def outwards(value: Fraction, up: bool) -> Fraction:
    """The nearest fraction of 64 bits over a power of two above or below."""
    if value == 0:
        return value
    grid = Fraction(2) ** (abs(value.numerator).bit_length() - value.denominator.bit_length() - BITS)
    return (math.ceil(value / grid) if up else math.floor(value / grid)) * grid


# ------------------------------------------------------------------------------------------------ the two bounds
def objective(problem: Problem, neurons: Sequence[Any], bias: Sequence[Fraction]) -> Fraction:
    """The objective of a network of neurons (w, b, v) with an output bias."""
    neg, pos = problem.slopes
    value, total = LOSSES[problem.loss][0], Fraction(0)
    for x, targets, weight in pair(problem.X, problem.Y, problem.weights):
        fit = list(bias)
        for w, b, v in neurons:
            t = sum(map(Fraction.__mul__, w, x), b)
            t *= pos if t > 0 else neg
            fit = [f + t * part for f, part in pair(fit, v)]
        total += weight * sum(value(f, y) for f, y in pair(fit, targets))
    squares = sum(sum(a * a for a in (*w, *v)) for w, _, v in neurons)
    if problem.bias != "free":
        squares += sum(b * b for _, b, _ in neurons) + sum(b * b for b in bias)
    return total + problem.beta / 2 * squares


def dual_value(problem: Problem, N: Sequence[Sequence[Fraction]], line: int) -> Fraction:
    """The lower bound of a dual point that satisfies (*); ``line`` is that of its first row."""
    dual, total = LOSSES[problem.loss][1], Fraction(0)
    for i, (row, targets, weight) in enumerate(pair(N, problem.Y, problem.weights)):
        if weight == 0:
            need(not any(row), line + i, "a dual point at a sample without weight")
            continue
        terms = [dual(t / weight, y) for t, y in pair(row, targets)]
        need(None not in terms, line + i, "a dual point outside the domain of the loss")
        total += weight * sum(terms)
    sums = [sum(column) for column in pair(*N)]
    if problem.bias == "free":
        need(not any(sums), line, "with free biases the columns of the dual point add up to zero")
    if problem.bias == "all":
        total -= sum(s * s for s in sums) / (2 * problem.beta)
    return total


# ------------------------------------------------------------------------------------------------ cones
def dot(a: Sequence[int], b: Sequence[int]) -> int:
    """Inner product."""
    return sum(map(int.__mul__, a, b))


def common(rows: Sequence[Sequence[Fraction]]) -> tuple[list[list[int]], Fraction]:
    """Whole numbers A and a unit with rows = unit A."""
    unit = Fraction(1, math.lcm(*(a.denominator for row in rows for a in row)))
    return [[int(a / unit) for a in row] for row in rows], unit


def rank(rows: Sequence[Sequence[int]]) -> int:
    """Rank of a matrix, by elimination."""
    left, found = [list(row) for row in rows], 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in left if row[column]), None)
        if pivot is None:
            continue
        found += 1
        others = [row for row in left if row is not pivot]
        left = [[a * pivot[column] - b * row[column] for a, b in pair(row, pivot)] for row in others]
        left = [[a // (math.gcd(*row) or 1) for a in row] for row in left]
    return found


class Form(NamedTuple):
    """F in whole numbers, up to one unit: F(w) = linear w + Σ_i bend_i max(rows_i·w, 0), and beta² in that unit, rounded down.

    ``decayed`` is how many coordinates |w| counts, ``reach`` bounds |b| for free biases (else 0).
    """

    rows: list[list[int]]
    bends: list[list[int]]
    products: list[list[int]]
    linear: list[list[int]]
    axes: list[list[int]]
    decayed: int
    reach: int
    limit: int
    shift: int


class Cone(NamedTuple):
    """Nonnegative combinations of ``generators``; ``z[k][i]`` is rows_i·generator_k of the i-th row of ``mixed``.

    A row that is >= 0 at every generator is so on the cone, and adds bend_i rows_i to ``linear`` there; one that is <= 0 adds
    nothing. The others are mixed.
    """

    generators: list[list[int]]
    mixed: list[int]
    z: list[list[int]]
    linear: list[list[int]]


def make_form(problem: Problem, N: Any, axes: Any, centre: Any, shift: int, line: int) -> Form:
    """The form of a dual point over the span of the axes, which must contain all rows (``line`` is that of the axes)."""
    free, hidden = problem.bias == "free", problem.bias != "none"
    # with free biases b + centre·w is a bias as good as b, as the rows of N add up to zero
    X = [[a - t * free for a, t in pair(x, centre)] for x in problem.X]
    rows, unit = common([[*x, Fraction(1)] if hidden else x for x in X])
    decayed = len(rows[0]) - free
    # what is orthogonal to all rows adds to |w| and not to F(w)
    lead = [row[:decayed] for row in rows]
    need(
        rank(axes) == len(axes) == rank([*axes, *lead]), line, "the axes are no basis of a space with all samples in it"
    )
    reach = 0
    if free and axes:
        # |x_i·w| <= reach Σ|coordinates|; where |b| is larger F does not change with b, for all rows have its sign
        reach = math.ceil(max(abs(dot(row, axis)) for row in lead for axis in axes) * unit)
    M, unit_n = common(N)
    (slopes,), unit_s = common([problem.slopes])
    neg, bend = slopes[0], slopes[1] - slopes[0]
    columns = list(pair(*rows))
    linear = [[neg * dot(column, part) for column in columns] for part in pair(*M)]
    bends = [[bend * a for a in row] for row in M]
    products = [[dot(a, b) for b in bends] for a in bends] if len(M[0]) > 1 else []
    limit = math.floor((problem.beta * ONE / (unit * unit_n * unit_s)) ** 2)
    return Form(rows, bends, products, linear, axes, decayed, reach, limit, shift)


def starts(form: Form) -> Iterator[Cone]:
    """Cones that cover all w in the span of the axes: one for every choice of signs of the axes.

    With free biases the bias goes from -reach to reach times Σ|coordinates|: signs of the axes times an interval, cut into
    the steps e_1-, .., e_k-, e_k+, .., e_r+, where - and + are the ends of the interval.
    """
    every = list(range(len(form.rows)))
    for signs in itertools.product((1, -1), repeat=len(form.axes)):
        lead = [[s * a for a in axis] for s, axis in pair(signs, form.axes)]
        if form.decayed == len(form.rows[0]):
            yield sort(form, lead, every, [[dot(row, g) for row in form.rows] for g in lead], form.linear)
            continue
        low, high = [[*g, -form.reach] for g in lead], [[*g, form.reach] for g in lead]
        for k in range(len(lead)):
            stairs = low[: k + 1] + high[k:]
            yield sort(form, stairs, every, [[dot(row, g) for row in form.rows] for g in stairs], form.linear)


def sort(form: Form, generators: Any, mixed: Any, z: Any, linear: Any) -> Cone:
    """The cone with the rows that have a sign on it taken out of the mixed ones."""
    left, linear = [], [list(part) for part in linear]
    for at, i in enumerate(mixed):
        here = [values[at] for values in z]
        if min(here, default=0) >= 0:
            for part, m in pair(linear, form.bends[i]):
                part[:] = [a + m * x for a, x in pair(part, form.rows[i])]
        elif max(here) > 0:
            left.append(at)
    return Cone(generators, [mixed[at] for at in left], [[values[at] for at in left] for values in z], linear)


def split(form: Form, cone: Cone, k: int, l: int, a: int, b: int) -> tuple[Cone, Cone]:
    """The two halves that a point g on the edge from generator k to l makes: g in place of k, and g in place of l.

    g = a g_k + b g_l, where g_k and g_l are first scaled by powers of two that take their largest entry into [1/2, 1).
    """
    gk, gl = cone.generators[k], cone.generators[l]
    down = max(map(abs, gl)).bit_length() - max(map(abs, gk)).bit_length()
    a, b = a << max(down, 0), b << max(-down, 0)
    g = [a * s + b * t for s, t in pair(gk, gl)]
    shared = math.gcd(*g)
    g = [t // shared for t in g]
    new = [dot(form.rows[i], g) for i in cone.mixed]
    halves = []
    for out in (k, l):
        generators, z = list(cone.generators), list(cone.z)
        generators[out], z[out] = g, new
        halves.append(sort(form, generators, cone.mixed, z, cone.linear))
    return halves[0], halves[1]


def scalar_leaf(form: Form, cone: Cone, lines: list[int], up: list[int], down: list[int]) -> bool:
    """One output: whether F <= beta |w| and -F <= beta |w| on the cone follow from the numbers given.

    On the cone max(z, 0) is at most its chord Σ_k α_k max(z_k, 0), and at least the line λ z, for any λ in [0, 1] (``lines``
    over 2^16). So ±F <= Σ_k α_k b_k, with chords where ±bend is positive and lines elsewhere. If a vector v (``up`` for +,
    ``down`` for -) has g_k·v >= b_k at each generator and |v| <= beta, then Σ_k α_k b_k <= v·w <= beta |w|.
    """
    for sign, v in ((1, up), (-1, down)):
        if dot(v, v) << 2 * form.shift > form.limit:
            return False
        for g, z in pair(cone.generators, cone.z):
            b = sign * dot(cone.linear[0], g) * ONE
            for i, line, t in pair(cone.mixed, lines, z):
                bend = sign * form.bends[i][0]
                b += bend * (max(t, 0) * ONE if bend > 0 else line * t)
            if dot(v, g) << form.shift < b:
                return False
    return True


def vector_leaf(form: Form, cone: Cone, lines: list[int], shares: list[int]) -> bool:
    """Several outputs: whether beta² |w|² - |F(w)|² >= 0 on the cone w = Σ α_k g_k, α >= 0, follows from the numbers given.

    F = K α + Σ_i bend_i e_i over the mixed rows, where K has lines λ z for max(z, 0), and 0 <= e_i <= ε_i·α is what is above
    them. So |F|² = |K α|² + Σ_i e_i (2 bend_i·K α + Σ_j bend_i·bend_j e_j) <= |K α|² + Σ_i (ε_i·α) (q_i·α), where q_i has the
    positive parts of 2 bend_i·K_k + Σ_j max(bend_i·bend_j, 0) ε_jk. Then beta²|w|² - |F|² >= α·Q α, which is not negative if
    Q without shares of its positive entries off the diagonal (``shares`` over 2^16) is positive semidefinite.
    """
    size, c = len(cone.generators), len(form.linear)
    # everything times 2^16
    K = [[ONE * dot(part, g) for part in cone.linear] for g in cone.generators]
    for k, z in enumerate(cone.z):
        for i, line, t in pair(cone.mixed, lines, z):
            K[k] = [K[k][o] + form.bends[i][o] * line * t for o in range(c)]
    above = [[max(t, 0) * ONE - line * t for line, t in pair(lines, z)] for z in cone.z]
    pull = [[2 * dot(form.bends[i], part) for i in cone.mixed] for part in K]
    for k in range(size):
        for at, i in enumerate(cone.mixed):
            pull[k][at] += sum(max(form.products[i][j], 0) * e for j, e in pair(cone.mixed, above[k]))
            pull[k][at] = max(pull[k][at], 0)
    Q, share = [[0] * size for _ in range(size)], iter(shares)
    for k in range(size):
        for l in range(k + 1):
            norm = dot(cone.generators[k][: form.decayed], cone.generators[l][: form.decayed])
            q = 2 * (form.limit * norm - dot(K[k], K[l])) - dot(above[k], pull[l]) - dot(above[l], pull[k])
            part = next(share) if l < k else 0
            Q[k][l] = Q[l][k] = q * (ONE - part if q > 0 else ONE)
    return semidefinite(Q)


def semidefinite(Q: list[list[int]]) -> bool:
    """Whether a symmetric matrix is positive semidefinite, by elimination without fractions (Bareiss)."""
    Q, before = [list(row) for row in Q], 1
    while Q:
        pivot, row = Q[0][0], Q[0][1:]
        if pivot < 0 or (pivot == 0 and any(row)):
            return False
        rest = [line[1:] for line in Q[1:]]
        if pivot:
            rest = [[(pivot * a - s * t) // before for a, t in pair(line, row)] for line, s in pair(rest, row)]
            before = pivot
        Q = rest
    return True


# ------------------------------------------------------------------------------------------------ the whole
def check_cones(problem: Problem, N: Any, records: Records) -> int:
    """Whether (*) holds for a dual point, by the records of the cones; how many leaves there are."""
    axes, centre, shift = records.take("axes", "centre", "shift")
    line, d = records.at, len(problem.X[0])
    width = d + (problem.bias in ("hidden", "all"))
    basis = [wholes(axis, width) for axis in axes]
    form = make_form(problem, N, basis, numbers(centre, d), wholes([shift], 1, 0)[0], line)
    leaves, several = 0, len(form.linear) > 1
    for start in starts(form):
        stack = [start]
        while stack:
            cone, record = stack.pop(), records.take()
            size = len(cone.generators)
            if record and type(record[0]) is int:
                k, l, a, b = wholes(record, 4, 0)
                need(k < l < size and a > 0 and b > 0, records.at, "no point on an edge of the cone")
                stack.extend(reversed(split(form, cone, k, l, a, b)))
                continue
            lines, *rest = listed(record, 2 if several else 3)
            wholes(lines, len(cone.mixed), 0, ONE)
            if several:
                holds = vector_leaf(form, cone, lines, wholes(rest[0], size * (size - 1) // 2, 0, ONE))
            else:
                holds = scalar_leaf(form, cone, lines, *(wholes(v, form.decayed) for v in rest))
            need(holds, records.at, "the dual norm is not bounded by beta on this cone")
            leaves += 1
    return leaves


def check_records(records: Records) -> Statement:
    """The statement of a file, every part of it computed from its data."""
    problem = read_problem(records)
    d, c = len(problem.X[0]), len(problem.Y[0])
    lower, upper, scope, width = records.take("lower", "upper", "scope", "neurons")
    line, digest = records.at, records.sum.hexdigest()
    neurons = []
    for _ in range(wholes([width], 1, 0)[0]):
        w, b, v = records.take("in", "bias", "out")
        neurons.append((numbers(w, d), number(b), numbers(v, c)))
        need(problem.bias != "none" or neurons[-1][1] == 0, records.at, "a hidden bias that the problem lacks")
    (shift,) = records.take("output_bias")
    bias = numbers(shift, c)
    need(problem.bias in ("all", "free") or not any(bias), records.at, "an output bias that the problem lacks")
    above = outwards(objective(problem, neurons, bias), up=True)
    need(number(upper) == above, line, f"upper is not the objective of the network in the file, {float(above)!r}")
    first = records.at + 1
    N = [numbers(records.take("dual")[0], c) for _ in problem.X]
    below = outwards(dual_value(problem, N, first), up=False)
    need(number(lower) == below, line, f"lower is not the value of the dual point in the file, {float(below)!r}")
    need(scope == "ALL_PATTERNS", line, f"the scope is {scope!r}, and cones that cover everything prove ALL_PATTERNS")
    leaves = check_cones(problem, N, records)
    need(records.lines[records.at :] == ["]", ""], records.at + 1, "the proof is complete, and the file goes on")
    return Statement(problem, below, above, scope, digest, leaves)


def check(text: str) -> Statement:
    """The statement that the text of a file proves; Refused, with the line at fault, where it does not."""
    records = Records(text)
    try:
        return check_records(records)
    except Refused:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise Refused(records.at, f"not what is due here ({error})") from error


def main(arguments: Sequence[str]) -> int:
    """Check one file; 0 where it proves its statement, else 1."""
    if len(arguments) != 1:
        print("usage: python check_proof.py proof.json")
        return 1
    try:
        with open(arguments[0], "rb") as stream:
            found = check(stream.read().decode(errors="replace"))
    except (OSError, ValueError) as error:
        print(f"REFUSED: {error}")
        return 1
    p = found.problem
    # outwards, as a float is the nearest one
    lower, upper = math.nextafter(float(found.lower), -math.inf), math.nextafter(float(found.upper), math.inf)
    print(f"{lower!r} <= optimum <= {upper!r}   {found.scope}, proven on {found.cones} cones")
    print(
        f"{len(p.X)} samples of {len(p.X[0])} features, {len(p.Y[0])} outputs; {p.loss}, bias {p.bias}, beta {float(p.beta)}"
    )
    print(f"digest of this statement and its data {found.digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
