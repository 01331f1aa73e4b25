"""Compiled kernels of maxima along segments: which entry of a window is the largest, and where another takes over.

Rows stand as in :mod:`relucvx.metrics.regions.segments._line_kernels`. The values of a window's entries are linear between
rows, so the largest of them is convex: between an entry that is largest at one end and one at the other, the upper envelope of
the lines is followed. Entries that lose everywhere separate nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.metrics.regions.segments._line_kernels import EPS

UNSETTLED = -(2**63)
LOW = 2**16 - 1
"""As in :mod:`relucvx.network.tournament`."""


@compiled
def largest(V: Any, table: Any, out: Any) -> None:
    """The largest entry of every window in every row."""
    for i in range(len(V)):
        for w in range(len(table)):
            best = -np.inf
            for c in range(table.shape[1]):
                if table[w, c] >= 0:
                    best = max(best, V[i, table[w, c]])
            out[i, w] = best


@compiled
def _slack(V: Any, top: Any, first: Any, t: Any, doubt: Any, errors: Any, p: int, i: int, w: int, j: int) -> float:
    """How far below the largest an entry may seem that is as large: rounding, and what the doubt about t makes of it."""
    total = 2.0 * errors[j] + EPS * abs(top[i, w])
    if doubt[i] == 0.0:
        return total
    d, change = top[i, w] - V[i, j], 0.0
    if i > first[p]:
        gap = t[i] - t[i - 1]
        change = max(change, (doubt[i] / gap if gap > doubt[i] else 1.0) * abs(top[i - 1, w] - V[i - 1, j] - d))
    if i + 1 < first[p + 1]:
        gap = t[i + 1] - t[i]
        change = max(change, (doubt[i] / gap if gap > doubt[i] else 1.0) * abs(top[i + 1, w] - V[i + 1, j] - d))
    return total + change


@compiled
def _joined(a: int, b: int, few: bool) -> int:
    """Two sets of entries as one; of many entries a set is a random number, with its first position in the low bits."""
    if few or a == 0:
        return a | b
    return ((a ^ b) & ~LOW) | min(a & LOW, b & LOW)


@compiled
def whole(
    V: Any, table: Any, top: Any, first: Any, t: Any, doubt: Any, errors: Any, winner: Any, numbers: Any, few: bool
) -> int:
    """The entry that is largest on all of each segment (named by its first row), or minus the number of the set of them.

    UNSETTLED where there is none; returns in how many places that is.
    """
    bent = 0
    for p in range(len(first) - 1):
        for i in range(first[p], first[p + 1] - 1):
            for w in range(len(table)):
                several, many, one = 0, 0, 0
                for c in range(table.shape[1]):
                    j = table[w, c]
                    if j < 0:
                        continue
                    # mostly it is far below, which needs no slack
                    a, b = top[i, w] - V[i, j], top[i + 1, w] - V[i + 1, j]
                    if (a == 0.0 or a <= _slack(V, top, first, t, doubt, errors, p, i, w, j)) and (
                        b == 0.0 or b <= _slack(V, top, first, t, doubt, errors, p, i + 1, w, j)
                    ):
                        many, one, several = many + 1, c, _joined(several, numbers[c], few)
                winner[i, w] = one if many == 1 else -several if many > 1 else UNSETTLED
                bent += many == 0
    return bent


@compiled
def _starting(V: Any, table: Any, top: Any, first: Any, t: Any, doubt: Any, errors: Any, p: int, i: int, w: int) -> int:
    """Of the entries that are largest at the beginning of a segment the one that grows most."""
    at, most = -1, -np.inf
    for c in range(table.shape[1]):
        j = table[w, c]
        if j < 0 or top[i, w] - V[i, j] > _slack(V, top, first, t, doubt, errors, p, i, w, j):
            continue
        if V[i + 1, j] > most:
            at, most = c, V[i + 1, j]
    return at


@compiled
def _overtaken(V: Any, table: Any, errors: Any, i: int, w: int, now: int) -> Any:
    """Who overtakes the largest entry next, and at which share of the segment; -1 where nobody does."""
    a, b = V[i, table[w, now]], V[i + 1, table[w, now]]
    after, share, most = -1, 2.0, -np.inf
    for c in range(table.shape[1]):
        j = table[w, c]
        # a line that rounding alone holds above this one is the same line
        if j < 0 or V[i + 1, j] - b <= errors[j] + errors[table[w, now]]:
            continue
        behind, ahead = a - V[i, j], V[i + 1, j] - b
        s = max(behind, 0.0) / (max(behind, 0.0) + ahead)
        if s < share or (s == share and V[i + 1, j] > most):
            after, share, most = c, s, V[i + 1, j]
    return after, share


@compiled
def _alike(V: Any, table: Any, errors: Any, numbers: Any, few: bool, i: int, w: int, now: int) -> int:
    """An entry, or minus the number of the set of those that are the same line on this segment."""
    many, several, k = 0, 0, table[w, now]
    for c in range(table.shape[1]):
        j = table[w, c]
        if j < 0:
            continue
        same = 2.0 * (errors[j] + errors[k])
        if abs(V[i, j] - V[i, k]) <= same and abs(V[i + 1, j] - V[i + 1, k]) <= same:
            many, several = many + 1, _joined(several, numbers[c], few)
    return now if many == 1 else -several


@compiled
def envelopes(
    V: Any, table: Any, top: Any, first: Any, t: Any, doubt: Any, errors: Any, winner: Any, numbers: Any, few: bool,
    bent: int,
) -> Any:  # fmt: skip
    """Follow the upper envelope of the windows that no single entry wins.

    ``winner`` gets who is largest at the beginning of a segment. Returns the changes in order of segments: segment, share,
    doubt about the share, window, who is largest from there on.
    """
    most = bent * max(1, table.shape[1] - 1)
    segment, share, slack = np.empty(most, np.int64), np.empty(most), np.empty(most)
    window, after = np.empty(most, np.int64), np.empty(most, np.int64)
    n = 0
    for p in range(len(first) - 1):
        for i in range(first[p], first[p + 1] - 1):
            for w in range(len(table)):
                if winner[i, w] != UNSETTLED:
                    continue
                now = _starting(V, table, top, first, t, doubt, errors, p, i, w)
                winner[i, w] = _alike(V, table, errors, numbers, few, i, w, now)
                at = 0.0
                for _ in range(table.shape[1] - 1):
                    j = table[w, now]
                    # at the end of the segment it is as large as any
                    if top[i + 1, w] - V[i + 1, j] <= _slack(V, top, first, t, doubt, errors, p, i + 1, w, j):
                        break
                    then, s = _overtaken(V, table, errors, i, w, now)
                    if then < 0:
                        break
                    at = max(at, s)
                    k = table[w, then]
                    apart = abs(V[i, j] - V[i, k]) + abs(V[i + 1, j] - V[i + 1, k])
                    segment[n], share[n], window[n] = i, at, w
                    after[n] = _alike(V, table, errors, numbers, few, i, w, then)
                    slack[n] = 2.0 * (errors[j] + errors[k]) / apart + EPS
                    n, now = n + 1, then
    return segment[:n], share[:n], slack[:n], window[:n], after[:n]


@compiled
def gathered(segment: Any, share: Any, slack: Any, order: Any) -> Any:
    """Points of the changes taken in order, those that rounding cannot tell apart joined, and the first change of each."""
    n = len(order)
    at, where, doubt, start = np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n + 1, np.int64)
    points, last = 0, -1
    for q in range(n):
        c = order[q]
        apart = last < 0 or segment[c] != segment[last] or share[c] - share[last] > slack[c] + slack[last]
        if apart:
            at[points], where[points], doubt[points], start[points] = segment[c], share[c], slack[c], q
            points += 1
        elif slack[c] < doubt[points - 1]:
            where[points - 1], doubt[points - 1] = share[c], slack[c]
        last = c
    start[points] = n
    return at[:points], where[:points], doubt[:points], start[: points + 1]


@compiled
def places(winner: Any, first: Any, at: Any, start: Any, order: Any, window: Any, after: Any, out: Any) -> None:
    """Who is largest on the refined segments (named by their first row)."""
    r, q, points = 0, 0, len(at)
    for p in range(len(first) - 1):
        for i in range(first[p], first[p + 1] - 1):
            out[r] = winner[i]
            r += 1
            while q < points and at[q] == i:
                out[r] = out[r - 1]
                for c in range(start[q], start[q + 1]):
                    out[r, window[order[c]]] = after[order[c]]
                r += 1
                q += 1
        out[r] = 0
        r += 1
