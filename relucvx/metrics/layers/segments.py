"""Linear regions and folding along segments between samples, up to each layer: of networks that are read, and of others run."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from relucvx.deadline import OutOfTime, ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.metrics.layers.records import Recording, Representation
from relucvx.metrics.layers.walking import check_readable, up_to_each, walked
from relucvx.metrics.regions.segments.lines import each_line
from relucvx.metrics.samples.groups import Indices
from relucvx.network import is_torch_module
from relucvx.network.layers import LayerList
from relucvx.network.modules import evaluating
from relucvx.network.reading import read_layers
from relucvx.types import Array

# torch takes a while to load
running = later("relucvx.network.running.module")
counting = later("relucvx.metrics.layers.counting")

COMPARED = 64
"""Samples at which a recorded layer is compared with the layers of the network that was read."""

SAME_VALUES = 1e-4
"""Largest difference, relative to the largest value, between a recorded layer (float32, say) and the same layer here."""

WORK = 2e11
"""Multiplications that the forward passes of a module that is run may take: one for each neuron on a segment, or so."""


@dataclass(frozen=True)
class Segments:
    """Segments between samples of a recording, walked for all layers at once."""

    recording: Recording
    n_lines: int
    seed: int

    def of(self, layer: Representation) -> dict[str, float]:
        """Mean number of regions and mean folding by the neurons of the layers up to one.

        Raises
        ------
        InvalidInputError
            For a layer that is none of those which bend, and a network with no regions, or too many.
        OutOfTime
            When the deadline that rules has passed.
        """
        failed = self._read if isinstance(self._read, Exception) else None
        if failed is None:
            position = self.position(layer)  # before the walks, which take longer
            found = self._walks
            if not isinstance(found, Exception):
                return _means(found[:, position])
            failed = found
        if not is_torch_module(self.recording.network) or isinstance(failed, OutOfTime):
            raise failed
        if isinstance(self._counts, Exception):
            raise failed from self._counts
        count = self._counts[1].get(layer.call, 0)
        if count == 0:  # before the first kink, or behind what cannot be followed
            raise failed
        ran = self._runs
        if isinstance(ran, Exception):
            raise ran from failed
        return _means(ran[:, count - 1])

    @cached_property
    def ends(self) -> tuple[Indices, Indices]:
        """Samples at the ends of each segment."""
        n, rng = len(self.recording.outputs), np.random.default_rng(self.seed)  # type: ignore[arg-type]
        starts = rng.integers(n, size=self.n_lines)
        # 1 to n - 1 places on and round the end: never the sample itself
        return starts, (starts + rng.integers(1, n, size=self.n_lines)) % n

    @cached_property
    def _read(self) -> LayerList | Exception:
        """What reading the network gave, or why it failed: it is tried once, and not for every layer."""
        network = self.recording.network
        if network is None or self.recording.outputs is None:
            return InvalidInputError(explain("a network", "recorded layers, or a module that returns no tensor"))
        if self.recording.points is None:
            return InvalidInputError(explain("inputs to draw segments between", "none"))
        try:
            check_readable(self.recording.multiplications)
            with (
                evaluating(network) if is_torch_module(network) else nullcontext()
            ):  # the mode in which it was recorded
                return read_layers(network, self.recording.input_shape)
        except (InvalidInputError, MemoryError) as error:
            return error

    @cached_property
    def _walks(self) -> Array | Exception:
        """(segments, layers, 2) through the network that was read, or why not; tried once as well."""
        points = self.recording.points
        assert points is not None and isinstance(self._read, LayerList)  # noqa: PT018
        try:
            return walked(self._read, points, *self.ends)
        except (InvalidInputError, MemoryError, OutOfTime) as error:
            return error

    @cached_property
    def _counts(self) -> Any:
        """The module opened for running, and how many kinks it has met when each call returns; or why not."""
        network = self.recording.network
        try:
            with evaluating(network):
                module = running.RunningModule.of(network, self.recording.input_shape)
                return module, counting.kinks_behind(module)
        except (InvalidInputError, MemoryError) as error:
            return error

    @cached_property
    def _runs(self) -> Array | Exception:
        """(segments, kinks, 2) by running the module: of as many segments as their neurons make affordable."""
        module, points = self._counts[0], self.recording.points
        assert points is not None
        weights = sum(p.numel() for p in module.module.parameters())
        each = max(sum(module.widths), 1) * max(self.recording.multiplications, weights, 1)
        count = min(self.n_lines, int(WORK / each))
        if count == 0:
            return InvalidInputError(
                explain(
                    f"segments of at most {WORK:.0e} multiplications",
                    f"{sum(module.widths):,} neurons, about as many regions, and {each / sum(module.widths):.2g} "
                    "multiplications for each",
                    "a large network",
                    "line_regions(module, start, end), or part of a segment",
                )
            )
        found = []
        try:
            for a, b in zip(*(part[:count] for part in self.ends), strict=True):
                ruling().check()
                with evaluating(self.recording.network):
                    lines, _ = each_line(
                        module, points(np.array([a])), points(np.array([b])), range(len(module.widths))
                    )
                    found.append(up_to_each(next(lines)))
        except (InvalidInputError, MemoryError, OutOfTime) as error:
            return error
        return np.array(found)

    def position(self, layer: Representation) -> int:
        """Which of the hidden layers with a kink a recorded layer is: the one with the same values, up to the sign."""
        for k, values in enumerate(self._hidden):
            # a layer in half precision is this one up to the digits that it has
            allowed = max(SAME_VALUES, 8.0 * (layer.resolution or 0.0)) * np.abs(values).max()
            Z = layer.Z[self._compared]
            if values.shape == Z.shape and any(np.abs(values - s * Z).max() <= allowed for s in (1, -1)):
                return k
        raise InvalidInputError(
            explain(
                f"the values behind a kink, to {SAME_VALUES:g} of the largest",
                f"layer {layer.name!r}",
                "another kind of layer, or a summary or a projection of its values",
            )
        )

    @cached_property
    def _compared(self) -> Indices:
        """Rows at which layers are compared: not all, as those of all layers are held at once."""
        return np.unique(np.linspace(0, len(self.recording.outputs) - 1, COMPARED).astype(np.intp))  # type: ignore[arg-type]

    @cached_property
    def _hidden(self) -> list[Array]:
        network, points = self._read, self.recording.points
        assert isinstance(network, LayerList) and points is not None  # noqa: PT018
        values = network.preactivations(points(self._compared))
        # behind a maximum stand winners, of which its comparisons are no values
        rounds = [kink.rounds[-1] for kink in network.kinks]
        return [network.hidden[k].phi(values[k]) for k in rounds] if values else []


def _means(found: Array) -> dict[str, float]:
    """Of segments (m, 2): chi of those that meet more than one region."""
    chi = found[:, 1][found[:, 1] == found[:, 1]]
    return {"line_regions": float(np.mean(found[:, 0])), "folding": float(np.mean(chi)) if len(chi) else np.nan}
