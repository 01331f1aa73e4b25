"""Regions on a plane of a module that is run: a batch of the vertices, with rows inserted wherever an edge is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.metrics.regions.planes import Plane
from relucvx.metrics.regions.subdivision import Cut, Subdivision
from relucvx.network.running.module import Enough, RunningModule
from relucvx.network.running.rows import Bends, Indices, Insertion
from relucvx.network.tournament import draw_up
from relucvx.types import Array


@dataclass
class Planar:
    """The geometry of a polygon: its rows are the vertices of a subdivision.

    Attributes
    ----------
    cells : Subdivision
    wanted : set of int
        Kinks whose codes are kept.
    watch : callable
        Hears (vertices, polygons, columns) before memory is taken.
    codes, origins : lists
        For every kink so far the codes of its faces (None where they are not kept), and the face before that each is part of.
    """

    cells: Subdivision
    wanted: set[int]
    watch: Callable[[int, int, int], None]
    codes: list[Any] = field(default_factory=list)
    origins: list[Indices] = field(default_factory=list)
    per_layer: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """As :class:`Geometry` has it."""
        return len(self.cells.place)

    def walls(self, values: Array, errors: Array, pieces: int) -> Bends:
        """As :meth:`Geometry.walls`."""
        found, steps = self._cut(np.ascontiguousarray(values.T), errors)
        n = values.shape[1] // pieces
        above = found.signs > 0
        counted = above if pieces == 1 else above.reshape(len(above), pieces, n).sum(axis=1, dtype=np.int8)
        return self._done(found.cells, counted, found.origin, steps, counted.min(axis=0), counted.max(axis=0), values.shape[1])

    def winners(self, values: Array, errors: Array, table: Indices) -> Bends:
        """As :meth:`Geometry.winners`."""
        there = table >= 0
        windows = [row[on] for row, on in zip(table, there, strict=True)]
        tournament = draw_up(windows, [np.flatnonzero(on) for on in there])
        picked = np.concatenate(windows)
        best, error = np.ascontiguousarray(values.T[picked]), errors[picked]
        before, since = self.cells, self.rows
        signs: list[Any] = []
        steps: list[Insertion] = []
        origin = np.arange(len(self.cells.first))
        for now in tournament.rounds:
            apart = best[now.first] - best[now.second]
            found, more = self._cut(apart, error[now.first] + error[now.second])
            steps += more
            # vertices stand in the order of the rows from here on
            best = _refined(best, more)
            won = np.maximum(best[now.first], best[now.second])
            best = np.ascontiguousarray(now.onwards(won.T, best.T).T)
            error = now.onwards(np.maximum(error[now.first], error[now.second]), error)
            signs = [*(sign[found.origin] for sign in signs), found.signs]
            origin, self.cells = origin[found.origin], found.cells
        codes = tournament.winners(signs) if signs else np.zeros((len(origin), len(table)), np.int8)
        if len(self.cells.place) > since:
            cells, kept, vertices = self.cells.dissolved(origin, codes, since)
            codes, origin = codes[kept], origin[kept]
            if len(vertices) < len(self.cells.place):
                steps[-1] = _selected(steps[-1], vertices)
            self.cells = cells
        del before
        none = np.zeros(len(table), int)
        return self._done(self.cells, codes, origin, steps, none, none, len(table))

    def _cut(self, PT: Array, errors: Array) -> tuple[Cut, list[Insertion]]:
        """Cut, with new vertices in the order of their generation, which is that of the rows."""
        columns = len(PT)
        found = self.cells.cut(PT, errors, len(self.codes), lambda v, f: self.watch(v, f, columns))
        return in_generations(found, self.rows)

    def _done(
        self, cells: Subdivision, codes: Any, origin: Indices, steps: list[Insertion], least: Any, most: Any, columns: int
    ) -> Bends:
        self.cells = cells
        position = len(self.codes)
        self.codes.append(codes if position in self.wanted else None)
        self.origins.append(origin)
        self.per_layer.append(len(cells.first))
        if position == max(self.wanted, default=-1):
            raise Enough
        return Bends(steps, least, most, np.zeros(columns))


def in_generations(found: Cut, old: int) -> tuple[Cut, list[Insertion]]:
    """A cut whose new vertices are numbered by generation (what their parents are, and one more), and its insertions."""
    n = len(found.first)
    if not n:
        return found, []
    age = np.zeros(old + n, dtype=np.intp)
    for i in range(n):  # parents come first
        age[old + i] = 1 + max(age[found.first[i]], age[found.second[i]])
    order = np.argsort(age, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    cells, new = found.cells, order[old:] - old
    first, second, share = place[found.first[new]], place[found.second[new]], found.share[new]
    cells = Subdivision(
        cells.place[order], cells.doubt[order], place[cells.tail], cells.succ, cells.pred, cells.face, cells.line,
        cells.first, cells.apart,
    )  # fmt: skip
    steps, begin, ages = [], old, age[order]
    while begin < old + n:
        end = int(np.searchsorted(ages, ages[begin], side="right"))
        some = slice(begin - old, end - old)
        source = np.concatenate([np.arange(begin), first[some]])
        steps.append(Insertion(source, np.arange(begin, end), second[some], share[some]))
        begin = end
    return Cut(cells, found.signs, found.origin, first, second, share), steps


def _refined(rows: Array, steps: list[Insertion]) -> Array:
    """Numbers (columns, rows) after insertions."""
    for step in steps:
        out = rows[:, step.source]
        out[:, step.fresh] = (1.0 - step.share) * out[:, step.fresh] + step.share * rows[:, step.other]
        rows = out
    return rows


def _selected(step: Insertion, kept: Indices) -> Insertion:
    """An insertion after which only some rows are kept."""
    place = np.full(len(step.source), -1)
    place[kept] = np.arange(len(kept))
    stays = place[step.fresh] >= 0
    return Insertion(step.source[kept], place[step.fresh][stays], step.other[stays], step.share[stays])
