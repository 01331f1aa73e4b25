"""Regions on a plane of a module that is run: a batch of the vertices, with rows inserted wherever an edge is cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from relucvx.metrics.regions.packing import Codes, packed
from relucvx.metrics.regions.polygons.subdivision import Cut, Subdivision
from relucvx.metrics.regions.polygons.tiles import Piece, Room, Tile, ancestry
from relucvx.network.running.module import Enough, RunningModule
from relucvx.network.running.rows import SPECIAL, Bends, Indices, Insertion, Rows
from relucvx.network.tournament import draw_up
from relucvx.tolerances import EPS
from relucvx.types import Array

CHUNK = 100_000_000
"""Bytes that values behind the network take at a time."""

OUTPUTS = 256.0
"""Rounding error of an output, in EPS of the largest: what tells decisions apart."""


TILE = 3 * 2**28
"""Bytes that the values of a tile may take."""


def running_slice(network: RunningModule, tile: Tile, last: int) -> Piece:
    """Cut a tile by running a module on its vertices, up to the kink in front of ``last``; outputs are known where that is
    all of it.

    Raises
    ------
    Overfull
        For a tile that is too large to be cut as a whole.
    InvalidInputError
        Where its parts would be as well, and for an operation that cannot be followed.
    """
    whole = last == len(network.widths) and network.refused is None
    planar = Planar(tile.subdivision(), Room(tile, TILE), network.demands, network.widths[:last], not whole)
    out = network.run(tile.plane.points, planar) if last or whole else None
    cells, outputs, doubts = planar.cells, None, None
    if whole:
        outputs, errors = _outputs(network, out, tile.plane.origin + cells.place @ tile.plane.axes)
        errors = np.maximum(errors, OUTPUTS * EPS * np.abs(outputs).max(axis=0))
        doubts = _turned(cells.doubts(_turned(outputs), errors))
    del out
    ancestors = ancestry(planar.origins, len(cells.first))
    codes = Codes.of(planar.codes, planar.kinds, ancestors)
    return Piece(cells, codes, tuple(planar.per_layer), ancestors, None, outputs, doubts)


def _outputs(network: RunningModule, out: Any, X: Array) -> tuple[Array, Any]:
    """Outputs (rows, c) of the module and bounds on their errors, from what a run has returned; at X, where it returned no
    numbers that can be followed."""
    if type(out) is Rows:
        values = out.matrix()
        return values[SPECIAL:].numpy().copy(), out.block.batch.errors(values)
    step = max(1, CHUNK // max(1, network.row_bytes))
    parts = []
    with torch.no_grad():
        for begin in range(0, len(X), step):
            rows = torch.from_numpy(X[begin : begin + step].reshape(-1, *network.input_shape))
            parts.append(network.module(rows).reshape(len(rows), -1).numpy())
    return np.concatenate(parts).astype(np.float64), 0.0


def _turned(matrix: Any) -> Any:
    """The transpose, side by side in memory; torch copies it block by block."""
    return torch.from_numpy(matrix).t().contiguous().numpy()


def fitted_maps(cells: Subdivision, F: Array) -> Array:
    """The affine map of plane coordinates, (1, u, v) @ maps[face], that has these values (V, c) at the corners of each face.

    Exact up to rounding inside the face; its slopes are known to the rounding of F over the size of the face.
    """
    inside = cells.face >= 0
    owner, vertex = cells.face[inside], cells.tail[inside]
    n, counts = len(cells.first), np.bincount(owner, minlength=len(cells.first))[:, None]

    def total(values: Array) -> Array:
        flat = values.reshape(len(values), -1)
        return np.column_stack([np.bincount(owner, column, n) for column in flat.T])

    middle, level = total(cells.place[vertex]) / counts, total(F[vertex]) / counts
    x, y = cells.place[vertex] - middle[owner], F[vertex] - level[owner]
    size = np.sqrt(total((x**2).sum(axis=1)))
    x = x / size[owner]
    gram = total(x[:, :, None] * x[:, None, :]).reshape(n, 2, 2)
    slopes = np.linalg.pinv(gram, rcond=1e-15, hermitian=True) @ total(x[:, :, None] * y[:, None, :]).reshape(n, 2, -1)
    slopes /= size[:, :, None]
    constant = level - np.einsum("fi,fic->fc", middle, slopes)
    return np.concatenate([constant[:, None], slopes], axis=1)


@dataclass
class Planar:
    """The geometry of a polygon: its rows are the vertices of a subdivision.

    Attributes
    ----------
    cells : Subdivision
    room : Room
        Hears how many vertices and polygons there are before memory is taken.
    demands : tuple of int
        Bytes that the module needs for each vertex up to each kink, and behind the last.
    widths : tuple of int
        Columns of each kink that cuts.
    ends : bool
        Whether nothing is asked for behind these.
    codes, kinds, origins, per_layer : lists
        For every kink so far the packed codes of its faces, their type and width, the face before that each is part of, and
        how many there are.
    """

    cells: Subdivision
    room: Room
    demands: tuple[int, ...]
    widths: tuple[int, ...]
    ends: bool
    codes: list[Any] = field(default_factory=list)
    kinds: list[tuple[Any, int]] = field(default_factory=list)
    origins: list[Indices] = field(default_factory=list)
    per_layer: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """As :class:`~relucvx.network.running.rows.Geometry` has it."""
        return len(self.cells.place)

    def walls(self, values: Array, errors: Array, pieces: int) -> Bends:
        """As :meth:`~relucvx.network.running.rows.Geometry.walls`."""
        found, steps = self._cut(_turned(values), errors)
        n = values.shape[1] // pieces
        above = found.signs > 0
        counted = above if pieces == 1 else above.reshape(len(above), pieces, n).sum(axis=1, dtype=np.int8)
        return self._done(
            found.cells, counted, found.origin, steps, counted.min(axis=0), counted.max(axis=0), values.shape[1]
        )

    def winners(self, values: Array, errors: Array, table: Indices) -> Bends:
        """As :meth:`~relucvx.network.running.rows.Geometry.winners`."""
        there = table >= 0
        windows = [row[on] for row, on in zip(table, there, strict=True)]
        tournament = draw_up(windows, [np.flatnonzero(on) for on in there])
        picked = np.concatenate(windows)
        best, error = np.ascontiguousarray(values.T[picked]), errors[picked]
        since = self.rows
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
        none = np.zeros(len(table), int)
        return self._done(self.cells, codes, origin, steps, none, none, len(table))

    def neighbours(self) -> tuple[Indices, Indices]:
        """As :meth:`~relucvx.network.running.rows.Geometry.neighbours`: the ends of every edge."""
        return self.cells.tail[::2].astype(np.intp), self.cells.tail[1::2].astype(np.intp)

    def _cut(self, PT: Array, errors: Array) -> tuple[Cut, list[Insertion]]:
        """Cut, with new vertices in the order of their generation, which is that of the rows."""
        columns = len(PT)
        place, kink = self.cells.place, len(self.codes)
        # this kink is met with the vertices so far; those behind it have to pass all others
        now = len(place) * max(self.demands[kink], 24 * columns)
        ahead = max([8 * columns, *self.demands[kink + 1 : len(self.widths) + (not self.ends)]])
        self.room.watch(place, len(place), len(self.cells.first), max(now, len(place) * ahead))
        found = self.cells.cut(
            PT, errors, kink, lambda v, f: self.room.watch(place, v, f, max(now, v * ahead) + 2 * f * columns)
        )
        return in_generations(found, self.rows)

    def _foreseen(self) -> float:
        """Bytes that each vertex there is now will come to, if vertices grow like the square of the neurons so far."""
        met, done = len(self.codes), np.cumsum(self.widths)
        later = range(met, len(self.widths))
        return max(
            self.demands[k + (k + 1 < len(done) or not self.ends)] * (done[k] / done[met - 1]) ** 2 for k in later
        )

    def _done(
        self,
        cells: Subdivision,
        codes: Any,
        origin: Indices,
        steps: list[Insertion],
        least: Any,
        most: Any,
        columns: int,
    ) -> Bends:
        self.cells = cells
        self.codes.append(packed(codes))
        self.kinds.append((codes.dtype, codes.shape[1]))
        self.origins.append(origin)
        self.per_layer.append(len(cells.first))
        if len(self.codes) == len(self.widths):
            if self.ends:
                raise Enough
        else:
            self.room.foresee(cells.place, self._foreseen())
        return Bends(steps, least, most, np.zeros(columns))


def in_generations(found: Cut, old: int) -> tuple[Cut, list[Insertion]]:
    """A cut whose new vertices are numbered by generation (what their parents are, and one more), and its insertions."""
    n = len(found.first)
    if not n:
        return found, []
    age, known = np.zeros(old + n, dtype=np.intp), None
    while known is None or (age != known).any():  # two rounds, mostly
        known = age.copy()
        age[old:] = 1 + np.maximum(age[found.first], age[found.second])
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
