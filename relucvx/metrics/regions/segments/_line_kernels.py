"""Compiled kernels of the walk along segments: where neurons change sign, and the refined curves behind a layer.

Curves stand one below the other in the rows of P, each from row ``first[p]`` to ``first[p + 1]``. The first k columns are
neurons, the others pass on unchanged. Every function works on plain arrays, so it can be tested against literal definitions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled

EPS = 2.220446049250313e-16


STRIP = 128
"""Rows multiplied at once: enough for a matrix product to be fast, few enough that many columns are zero in all of them."""


@compiled
def product(H: Any, W: Any, out: Any) -> None:
    """The product H W without the columns of H that are zero: after a ReLU these are nearly half of a strip of a curve."""
    rows, width = H.shape
    outputs = W.shape[1]
    # for the widest strip, once: packing must not cost allocations
    packed, picked = np.empty(STRIP * width), np.empty((width, outputs))
    alive, kept = np.empty(width, np.uint8), np.empty(width, np.int64)
    for a in range(0, rows, STRIP):
        b = min(a + STRIP, rows)
        alive[:] = 0
        for i in range(a, b):
            for j in range(width):
                alive[j] |= H[i, j] != 0.0
        m = 0
        for j in range(width):
            if alive[j] > 0:
                kept[m] = j
                m += 1
        # with few zeros packing costs more than it saves
        if m > 0.8 * width:
            np.dot(H[a:b], W, out[a:b])
            continue
        # copied side by side, as the matrix product wants them
        part = packed[: (b - a) * m].reshape((b - a, m))
        for i in range(a, b):
            for c in range(m):
                part[i - a, c] = H[i, kept[c]]
        for c in range(m):
            for j in range(outputs):
                picked[c, j] = W[kept[c], j]
        np.dot(part, picked[:m], out[a:b])


@compiled
def sparse_product(H: Any, pointers: Any, columns: Any, entries: Any, out: Any) -> None:
    """The product H W with W by rows (``pointers``, ``columns``, ``entries``), eight rows of H at once.

    Columns of H that are zero in all eight cost nothing.
    """
    rows, width = H.shape
    outputs = out.shape[1]
    given, total = np.empty((width, 8)), np.empty((outputs, 8))
    for a in range(0, rows, 8):
        n = min(8, rows - a)
        given[:] = 0.0
        total[:] = 0.0
        # transposed: the innermost loop then runs over neighbours in memory, eight at once
        for r in range(n):
            for c in range(width):
                given[c, r] = H[a + r, c]
        for c in range(width):
            h, zero = given[c], True
            for r in range(8):
                zero &= h[r] == 0.0
            if zero:
                continue
            for e in range(pointers[c], pointers[c + 1]):
                entry, sums = entries[e], total[columns[e]]
                for r in range(8):
                    sums[r] += h[r] * entry
        for r in range(n):
            for j in range(outputs):
                out[a + r, j] = total[j, r]


@compiled
def settle(P: Any, bias: Any, k: int, first: Any, t: Any, doubt: Any, errors: Any, moved: Any) -> None:
    """Add the bias, and make neurons zero that are within their doubt of it; ``moved`` records by how much at most.

    The doubt about a value is its rounding error, and what the doubt about t makes of the changes on both sides.
    """
    width = P.shape[1]
    for i in range(first[0], first[len(first) - 1]):
        for j in range(width):
            P[i, j] += bias[j]
    for p in range(len(first) - 1):
        for i in range(first[p], first[p + 1]):
            # rows of another curve are no neighbours
            before, after = max(i - 1, first[p]), min(i + 1, first[p + 1] - 1)
            left, right = 0.0, 0.0
            # an uncertain breakpoint moves a value by its share of the change to either side, and by all of the change
            # where neighbours are so close that they may trade places
            if doubt[i] > 0.0:
                gap = t[i] - t[before]
                left = doubt[i] / gap if gap > doubt[i] else 1.0
                gap = t[after] - t[i]
                right = doubt[i] / gap if gap > doubt[i] else 1.0
            # mostly no neuron is near, which one pass without branches tells
            near = 0
            for j in range(k):
                v = P[i, j]
                change, other = left * abs(v - P[before, j]), right * abs(v - P[after, j])
                near += abs(v) <= errors[p, j] + (change if change > other else other)
            if near == 0:
                continue
            for j in range(k):
                v = P[i, j]
                change = max(left * abs(v - P[before, j]), right * abs(v - P[after, j]))
                if abs(v) <= errors[p, j] + change:
                    moved[p, j] = max(moved[p, j], abs(v))
                    P[i, j] = 0.0


@compiled
def count_crossings(P: Any, k: int, first: Any, counts: Any) -> int:
    """Neurons that change sign inside each segment (named by its first row), and their total."""
    total = 0
    for p in range(len(first) - 1):
        counts[first[p + 1] - 1] = 0
        for i in range(first[p], first[p + 1] - 1):
            n = 0
            for j in range(k):
                a, b = P[i, j], P[i + 1, j]
                n += ((a > 0.0) & (b < 0.0)) | ((a < 0.0) & (b > 0.0))
            counts[i] = n
            total += n
    return total


@compiled
def _ranking(values: Any, n: int) -> Any:
    """Order of the first n values, increasing; mostly there are one or two."""
    if n > 24:
        return np.argsort(values[:n])
    order = np.empty(n, np.int64)
    for c in range(n):
        at = c
        while at > 0 and values[order[at - 1]] > values[c]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = c
    return order


@compiled
def find_crossings(P: Any, k: int, first: Any, counts: Any, errors: Any, total: int) -> Any:
    """Points at which neurons change sign, those that rounding cannot tell apart joined, sorted along the curves.

    Returns the segment of each point, its share of the segment, the doubt about the share, where its crossings start in
    the list of neurons, and that list.
    """
    segment, share, slack = np.empty(total, np.int64), np.empty(total), np.empty(total)
    start, neurons = np.empty(total + 1, np.int64), np.empty(total, np.int64)
    shares, slacks, who = np.empty(total), np.empty(total), np.empty(total, np.int64)
    points, done = 0, 0
    for p in range(len(first) - 1):
        for i in range(first[p], first[p + 1] - 1):
            if counts[i] == 0:
                continue
            n = 0
            for j in range(k):
                a, b = P[i, j], P[i + 1, j]
                if (a > 0.0 and b < 0.0) or (a < 0.0 and b > 0.0):
                    # the share is off by what the values are, relative to their distance
                    step = abs(a) + abs(b)
                    shares[n], who[n] = abs(a) / step, j
                    slacks[n] = 2.0 * errors[p, j] / step + EPS
                    n += 1
            order = _ranking(shares, n)
            last = -1
            # doubts that overlap, each with the next, make one point of several crossings
            for c in order[:n]:
                if last < 0 or shares[c] - shares[last] > slacks[c] + slacks[last]:
                    segment[points], share[points], slack[points], start[points] = i, shares[c], slacks[c], done
                    points += 1
                elif slacks[c] < slack[points - 1]:
                    # the best known crossing of a cluster stands for it
                    share[points - 1], slack[points - 1] = shares[c], slacks[c]
                neurons[done] = who[c]
                done += 1
                last = c
    start[points] = done
    return segment[:points], share[:points], slack[:points], start[: points + 1], neurons


@compiled
def place(first: Any, t: Any, doubt: Any, segment: Any, share: Any, slack: Any) -> Any:
    """Breakpoints with the points inserted: t, the doubt about it, curve starts, the old segment of each row."""
    rows, points = len(t), len(segment)
    new_t, new_doubt = np.empty(rows + points), np.empty(rows + points)
    parent, new_first = np.empty(rows + points, np.int64), np.empty(len(first), np.int64)
    r, q = 0, 0
    for p in range(len(first) - 1):
        new_first[p] = r
        for i in range(first[p], first[p + 1]):
            new_t[r], new_doubt[r], parent[r] = t[i], doubt[i], i
            r += 1
            while q < points and segment[q] == i:
                gap = t[i + 1] - t[i]
                new_t[r] = (1.0 - share[q]) * t[i] + share[q] * t[i + 1]
                new_doubt[r], parent[r] = slack[q] * gap + EPS, i
                r += 1
                q += 1
    new_first[len(first) - 1] = r
    return new_t, new_doubt, new_first, parent


@compiled
def sides(P: Any, k: int, first: Any, above: Any, below: Any) -> None:
    """Whether each neuron is anywhere >= 0, and anywhere <= 0, along each curve."""
    for p in range(len(first) - 1):
        for i in range(first[p], first[p + 1]):
            for j in range(k):
                above[p, j] |= P[i, j] >= 0.0
                below[p, j] |= P[i, j] <= 0.0


@compiled
def locate(
    P: Any, bias: Any, k: int, first: Any, t: Any, doubt: Any, errors: Any, moved: Any, above: Any, below: Any
) -> Any:
    """All of the above for the values P of an affine map without its bias.

    Returns what :func:`find_crossings` and then what :func:`place` does.
    """
    counts, total = np.empty(len(t), np.int64), 0
    # one curve after the other, which stays in the processor's cache
    for p in range(len(first) - 1):
        one, q = first[p : p + 2], slice(p, p + 1)
        settle(P, bias, k, one, t, doubt, errors[q], moved[q])
        sides(P, k, one, above[q], below[q])
        total += count_crossings(P, k, one, counts)
    points = find_crossings(P, k, first, counts, errors, total)
    segment, share, slack, _, _ = points
    return points, place(first, t, doubt, segment, share, slack)


@compiled
def code(P: Any, k: int, first: Any, segment: Any, start: Any, neurons: Any, out: Any) -> None:
    """Whether neurons are positive on the refined segments (named by their first row): somewhere inside is throughout."""
    r, q, points = 0, 0, len(segment)
    for p in range(len(first) - 1):
        for i in range(first[p], first[p + 1] - 1):
            # without a crossing inside a neuron keeps its sign, and is zero at an end at most
            for j in range(k):
                out[r, j] = (P[i, j] > 0.0) | (P[i + 1, j] > 0.0)
            done = q
            while done < points and segment[done] == i:
                done += 1
            # those that cross have the sign of the beginning up to their point, and that of the end behind it
            for c in range(start[q], start[done]):
                out[r, neurons[c]] = P[i, neurons[c]] > 0.0
            r += 1
            while q < done:
                for j in range(k):
                    out[r, j] = out[r - 1, j]
                for c in range(start[q], start[q + 1]):
                    out[r, neurons[c]] = P[i + 1, neurons[c]] > 0.0
                r += 1
                q += 1
        # no segment begins at the last row of a curve
        for j in range(k):
            out[r, j] = False
        r += 1


@compiled
def flips(P: Any, k: int, first: Any, segment: Any, start: Any, neurons: Any, begin: Any) -> Any:
    """Where on the refined curves which neuron changes, in order; ``begin`` gets who is positive at the start of each.

    A neuron changes at its crossing, and at a row where it is zero with other signs on both sides.
    """
    total = len(neurons)
    for p in range(len(first) - 1):
        for j in range(k):
            v = P[first[p], j]
            begin[p, j] = (v > 0.0) | ((v == 0.0) & (P[first[p] + 1, j] > 0.0))
        for i in range(first[p] + 1, first[p + 1] - 1):
            n = 0
            for j in range(k):
                n += (P[i, j] == 0.0) & ((P[i - 1, j] > 0.0) != (P[i + 1, j] > 0.0))
            total += n
    row, column = np.empty(total, np.int64), np.empty(total, np.int64)
    extra, r, q, done, points = total > len(neurons), 0, 0, 0, len(segment)
    for p in range(len(first) - 1):
        for i in range(first[p], first[p + 1]):
            # mostly nobody is zero in a row
            if extra and first[p] < i < first[p + 1] - 1:
                for j in range(k):
                    if P[i, j] == 0.0 and (P[i - 1, j] > 0.0) != (P[i + 1, j] > 0.0):
                        row[done], column[done] = r, j
                        done += 1
            r += 1
            while q < points and segment[q] == i:
                for c in range(start[q], start[q + 1]):
                    # those of one point in their order
                    at = done
                    while at > 0 and row[at - 1] == r and column[at - 1] > neurons[c]:
                        row[at], column[at] = row[at - 1], column[at - 1]
                        at -= 1
                    row[at], column[at] = r, neurons[c]
                    done += 1
                r += 1
                q += 1
    return row, column


@compiled(fastmath={"reassoc"})
def _square(row: Any) -> float:
    # norms go into bounds on errors alone, so the sum may be taken in any order
    total = 0.0
    for j in range(len(row)):
        total += row[j] * row[j]
    return total


@compiled
def activate(
    P: Any, k: int, first: Any, segment: Any, share: Any, start: Any, neurons: Any,
    negative: float, positive: float, moved: Any, H: Any, longest: Any,
) -> None:  # fmt: skip
    """Fill H with the layer behind its activation at the refined breakpoints, and the greatest norm along each curve.

    All neurons of a point are zero there, which moves those of a cluster a little.
    """
    r, q, points, width = 0, 0, len(segment), P.shape[1]
    for p in range(len(first) - 1):
        most = 0.0
        for i in range(first[p], first[p + 1]):
            row = H[r]
            for j in range(k):
                row[j] = P[i, j] * (positive if P[i, j] > 0.0 else negative)
            for j in range(k, width):
                row[j] = P[i, j]
            most = max(most, _square(row))
            r += 1
            while q < points and segment[q] == i:
                row, s = H[r], share[q]
                for j in range(width):
                    row[j] = (1.0 - s) * P[i, j] + s * P[i + 1, j]
                for c in range(start[q], start[q + 1]):
                    n = neurons[c]
                    # in a cluster this is not quite the neuron's own crossing: what is taken away counts as an error
                    moved[p, n] = max(moved[p, n], abs(row[n]))
                    row[n] = 0.0
                for j in range(k):
                    row[j] = row[j] * (positive if row[j] > 0.0 else negative)
                most = max(most, _square(row))
                r += 1
                q += 1
        longest[p] = np.sqrt(most)


@compiled
def fill(code: Any, starts: Any, columns: Any, changes: Any, out: Any) -> None:
    """All codes of a walk: the first, and each as the one before with its changes."""
    out[0] = code
    for i in range(1, len(out)):
        out[i] = out[i - 1]
        for c in range(starts[i - 1], starts[i]):
            out[i, columns[c]] ^= changes[c]
