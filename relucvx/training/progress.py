"""A progress bar that subscribes to the callback."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress

from relucvx.training.runs import TrainingProgress

Callback = Callable[[TrainingProgress], Any]


@contextmanager
def with_progress_bar(
    callback: Callback | None, show: bool, max_steps: int, seeds: int, batched: bool
) -> Iterator[Callback | None]:
    """The callback, with a bar before it when ``show``: over steps for a batch, over seeds one by one."""
    if not show:
        yield callback
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=max_steps if batched else seeds)

        def watch(state: TrainingProgress) -> Any:
            best = f", best {state.best:.6g}" if state.best < math.inf else ""
            text = f"{state.finished}/{seeds} done{best}"
            within = state.finished + min(state.step / max(max_steps, 1), 1.0)
            bar.update(task, completed=state.step if batched else within, description=text)
            return callback(state) if callback is not None else None

        yield watch
