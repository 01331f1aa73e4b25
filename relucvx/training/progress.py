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
def with_progress_bar(callback: Callback | None, show: bool, max_steps: int, seeds: int) -> Iterator[Callback | None]:
    """The callback, with a bar over the steps before it when ``show``."""
    if not show:
        yield callback
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=max_steps)

        def watch(state: TrainingProgress) -> Any:
            best = f", best {state.best:.6g}" if state.best < math.inf else ""
            text = f"{state.finished}/{seeds} done{best}"
            bar.update(task, completed=state.step, description=text)
            return callback(state) if callback is not None else None

        yield watch
