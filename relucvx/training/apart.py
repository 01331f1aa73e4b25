"""Seeds that train elsewhere: dealt to the workers of an executor, each of which trains its share at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from relucvx._api.many import call, ended
from relucvx.errors import ClusterError, Interrupted, RelucvxError
from relucvx.executors import Lost, size
from relucvx.training.runs import Run, Runs

log = logging.getLogger(__name__)


def train_apart(
    executor: Any, train: Callable[..., Runs], arguments: tuple[Any, ...], options: dict[str, Any], seeds: Sequence[int],
    n_jobs: int,
) -> tuple[list[Run], bool]:  # fmt: skip
    """Runs of the seeds, in their order, and whether Ctrl-C cut them short; a share that is lost is trained here.

    Notes
    -----
    Source: [relucvx].
    Status: heuristic (gradient training; nothing is proven).
    """
    count = min(len(seeds), size(executor))
    shares = [(train, arguments, {**options, "seeds": seeds[k::count]}, n_jobs) for k in range(count)]
    found: dict[int, Run] = {}
    stopped = False
    try:
        for k, runs in ended(executor, shares):
            done = _here(runs.error, shares[k]) if isinstance(runs, Lost) else runs
            found.update({run.seed: run for run in done.runs})
    except Interrupted as stop:
        stopped = True
        found.update({} if stop.result is None else {run.seed: run for run in stop.result.runs})
    return [found[seed] for seed in seeds if seed in found], stopped


def _here(error: BaseException, share: tuple[Any, ...]) -> Runs:
    """A share that was lost; what it is refused for is refused here as well."""
    if isinstance(error, RelucvxError) and not isinstance(error, ClusterError):
        raise error
    log.warning("%d seeds train in this process: %r", len(share[2]["seeds"]), error)
    runs: Runs = call(*share)
    return runs
