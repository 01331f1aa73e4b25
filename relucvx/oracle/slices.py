"""A long search whose parts run elsewhere: in other processes, or on the machines of a cluster.

The frontier stays here. In rounds, its loosest cones are dealt to slices of a second or two, each of which brings back the
cones that it left open, the largest bound of those that it dropped, and the best direction that it met. Until a slice is back
its cones count with the bounds that they had, so that nothing that happens to a worker can make a bound wrong. A round ends
when every slice is back or given up, and the next one deals anew: the outcome depends on the size of the rounds, and neither
on who does what, nor on when, nor on how often it was tried.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from relucvx.deadline import Deadline
from relucvx.errors import ClusterError, explain
from relucvx.executors import Batch, Lost, size
from relucvx.kernel_cache import digest
from relucvx.oracle import subtree
from relucvx.oracle.form import Form
from relucvx.oracle.frontier import SIZE
from relucvx.oracle.shards import SHARDS, Frontier, rounding_slack
from relucvx.oracle.subtree import BEST, DEEPEST, DROPPED, EMPTY, RUNNING, VIOLATED
from relucvx.types import Array

log = logging.getLogger(__name__)

PER_WORKER = 4
"""Slices of a round for each worker, SHARDS at least: the last ones to end keep the others waiting."""

FIRST_WORK, MOST_WORK = 100_000_000, 1_600_000_000
"""Multiplications of a slice in the first round, and in later ones, each of which doubles it: up to a second or two."""

CHUNK_STEPS = 5_000
"""Splits between two looks at the clock."""

MOST_STEPS = 200_000
"""Splits of a slice, however quick: what it leaves open has to travel."""

MOST_BYTES = 16_000_000
"""Cones that are sent with one slice."""

MOST_SECONDS = 60.0
"""A slice on a machine that is slow beyond measure ends all the same."""

POLL = 0.1
"""Seconds between two looks at the clock, the callback and Ctrl-C."""


@dataclass(frozen=True)
class Piece:
    """Open cones of a slice, on the way out and back, with what is known by then."""

    nodes: Array
    bounds: Array
    depths: Any
    dropped: float
    best: float
    witness: Array
    deepest: int
    cones: int
    stride: float


def search_piece(
    form: Form,
    piece: Piece,
    target: float,
    stop_above: float,
    work: int,
    steps: int,
    heap: bool,
    seconds: float,
    code: str,
) -> Piece:
    """One slice, where it runs: ``code`` says of what the kernels there must be made."""
    here = kernel_code()
    if here != code:
        raise ClusterError(
            explain(
                f"workers that run the same version of relucvx ({code})",
                here,
                "the worker has another version installed, and a bound is worth what its code is",
                "pip install the same version there, and start the workers anew",
            )
        )
    part = Frontier(form, piece.nodes, piece.best, piece.witness.copy(), SHARDS)
    # loosest first is a heap; a stack has them on top
    nodes, bounds, depths = (held[:: 1 if heap else -1] for held in (piece.nodes, piece.bounds, piece.depths))
    part.nodes, part.bounds, part.depths = (np.array(held, order="C") for held in (nodes, bounds, depths))
    part.stride, part.heap = piece.stride, heap
    part.tally[DEEPEST], part.cones = piece.deepest, 0
    limit, found = Deadline(seconds), RUNNING
    while found == RUNNING and part.spent < work and part.cones < 2 * steps and not limit.passed():
        found = part.search(target, stop_above, min(CHUNK_STEPS, steps - part.cones // 2))
    count, dropped = part.size, float(part.record[DROPPED])
    # what is left on a heap that needs no look any more is dropped, and does not travel
    if found == EMPTY:
        dropped, count = max(dropped, float(part.bounds[:count].max(initial=0.0))), 0
    return Piece(
        part.nodes[:count].copy(), part.bounds[:count].copy(), part.depths[:count].copy(), dropped, part.best,
        part.witness, int(part.tally[DEEPEST]), part.cones, part.stride,
    )  # fmt: skip


def kernel_code() -> str:
    """What the kernels of a search are made of."""
    return digest(getattr(subtree.run, "py_func", subtree.run))


class Slices:
    """A frontier whose cones are searched elsewhere, in rounds; ``done`` when what is left is to be searched here.

    Every step waits a moment for a slice to come back, so that the clock, the callback and Ctrl-C are heard in between.
    """

    def __init__(
        self, form: Form, whole: Frontier, stack: ExitStack, executor: Any, max_cones: float, limit: Deadline
    ) -> None:
        # directions of the original space, and the samples behind a row, play no part in a search
        self.form = replace(form, basis=np.zeros((0, 0)), rows=None)
        self.whole, self.executor, self.max_cones, self.limit = whole, executor, max_cones, limit
        self.count = max(SHARDS, PER_WORKER * size(executor))
        self.heap, whole.heap = True, False  # what stays here is a plain list
        self.stride, self.work = whole.stride, FIRST_WORK
        self.best, self.witness = whole.best, whole.witness.copy()
        self.batch: Batch | None = None
        self.sent: list[Piece] = []
        self.back: dict[int, Piece] = {}
        self.aside: list[Piece] = []
        self.lost: BaseException | None = None
        self.done = False
        stack.callback(self._close)

    @property
    def cones(self) -> int:
        """Cones made so far."""
        return self.whole.cones + sum(piece.cones for piece in self.back.values())

    def search(self, target: float, stop_above: float, steps: int) -> int:
        """Begin a round, or wait for a slice; the last one ends the round."""
        if self.batch is None:
            return self._begin(target, stop_above)
        for k, found in self.batch.next(POLL):
            if isinstance(found, Lost):
                self.lost = found.error
                continue
            self.back[k] = found
            if found.best > self.best:
                self.best, self.witness = found.best, found.witness
        if self.best > stop_above:
            return VIOLATED
        if not self.batch.open:
            self._end()
        return RUNNING

    def upper(self, form: Form) -> float:
        """Cones that are away count with the bounds that they had."""
        pieces = [*(self.back.get(k, piece) for k, piece in enumerate(self.sent)), *self.aside]
        bounds = [self.whole.bounds[: self.whole.size], *(piece.bounds for piece in pieces)]
        dropped = max([float(self.whole.record[DROPPED]), *(piece.dropped for piece in pieces)])
        deepest = max([int(self.whole.tally[DEEPEST]), *(piece.deepest for piece in pieces)])
        return max(dropped, self.best, *(float(b.max(initial=0.0)) for b in bounds)) + rounding_slack(form, deepest)

    def _begin(self, target: float, stop_above: float) -> int:
        """Deal the loosest cones that need a look, one to each slice in turn."""
        whole, dim = self.whole, self.form.X.shape[1]
        nodes, bounds, depths = whole.nodes[: whole.size], whole.bounds[: whole.size], whole.depths[: whole.size]
        needed = bounds > subtree.limit(target, self.best, whole.grace)
        whole.record[DROPPED] = max(whole.record[DROPPED], bounds[~needed].max(initial=0.0))
        order = np.argsort(-bounds, kind="stable")[: np.count_nonzero(needed)]
        order, rest = np.split(order, [self.count * (MOST_BYTES // (8 * (dim * dim + 2)))])
        count = min(self.count, len(order))
        self.sent = [
            Piece(
                nodes[mine], bounds[mine], depths[mine], 0.0, self.best, self.witness,
                int(whole.tally[DEEPEST]), 0, self.stride,
            )
            for mine in (order[k::count] for k in range(count))
        ]  # fmt: skip
        whole.nodes, whole.bounds, whole.depths = nodes[rest], bounds[rest], depths[rest]
        whole.tally[SIZE] = len(rest)
        if not count and self.aside:
            self._give_up()
        if not count:
            return RUNNING if self.done else EMPTY
        steps = int(max(1.0, min(MOST_STEPS, (self.max_cones - self.cones) / (2 * count))))
        seconds, code = min(self.limit.left(), MOST_SECONDS), kernel_code()
        tasks = [
            (self.form, piece, target, stop_above, self.work, steps, self.heap, seconds, code) for piece in self.sent
        ]
        self.batch = Batch(self.executor, search_piece, tasks)
        return RUNNING

    def _end(self) -> None:
        """Take in what the slices brought, in their order, and set aside what was given up."""
        assert self.batch is not None
        self.executor, self.batch = self.batch.executor, None
        whole, back = self.whole, [self.back[k] for k in sorted(self.back)]
        self.aside += [piece for k, piece in enumerate(self.sent) if k not in self.back]
        whole.cones = self.cones
        self._take_in(back)
        whole.record[BEST], whole.witness = self.best, self.witness
        self.sent, self.back = [], {}
        self.work, self.heap = min(2 * self.work, MOST_WORK), whole.size <= whole.cap
        if back:
            self.stride = float(np.median([piece.stride for piece in back]))
        else:
            self._give_up()

    def _take_in(self, pieces: list[Piece]) -> None:
        """Add what is open in some pieces to what is open here."""
        whole = self.whole
        for name in ("nodes", "bounds", "depths"):
            setattr(whole, name, np.concatenate([getattr(whole, name), *(getattr(piece, name) for piece in pieces)]))
        whole.record[DROPPED] = max([whole.record[DROPPED], *(piece.dropped for piece in pieces)])
        whole.tally[DEEPEST] = max([whole.tally[DEEPEST], *(piece.deepest for piece in pieces)])
        whole.tally[SIZE] = len(whole.bounds)

    def _give_up(self) -> None:
        """Nothing more is to be had elsewhere: cones that were given up there are left to this process."""
        log.warning(
            "%d open cones of a proof go on in this process, as no worker could search them: %s",
            sum(len(piece.bounds) for piece in self.aside), self.lost,
        )  # fmt: skip
        self._take_in(self.aside)
        self.aside, self.done = [], True

    def _close(self) -> None:
        """Take back what has not begun."""
        if self.batch is not None:
            self.batch.__exit__()
