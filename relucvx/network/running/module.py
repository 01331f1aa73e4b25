"""A torch module opened for running: a copy in float64, looked through once, then called on batches of points."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from relucvx.errors import InvalidInputError, explain
from relucvx.network.layers import as_points, select_layers
from relucvx.network.running.kinks import follow
from relucvx.network.running.operations import Unfollowed
from relucvx.network.running.rows import Batch, Bends, Geometry, Indices
from relucvx.network.torch.graph import first_layer
from relucvx.network.torch.modules import layer_by_layer, unwrapped
from relucvx.network.tournament import code_dtype
from relucvx.types import Array
from relucvx.validation import as_count


class Enough(Exception):
    """Raised by a geometry that needs nothing behind this kink; the run ends there."""


@dataclass
class Point:
    """The geometry of one point, which has no neighbours: it meets every kink, and remembers how wide they are."""

    rows: int = 1
    widths: list[int] = field(default_factory=list)
    dtypes: list[Any] = field(default_factory=list)
    demands: list[int] = field(default_factory=list)

    def walls(self, values: Array, errors: Array, pieces: int) -> Bends:
        """As :meth:`Geometry.walls`."""
        return self._met(values.shape[1] // pieces, np.dtype(bool if pieces == 1 else np.int8), values.shape[1])

    def winners(self, values: Array, errors: Array, table: Indices) -> Bends:
        """As :meth:`Geometry.winners`."""
        return self._met(len(table), code_dtype(table.shape[1]), len(table))

    def neighbours(self) -> tuple[Indices, Indices]:
        """As :meth:`Geometry.neighbours`."""
        return np.zeros(0, np.intp), np.zeros(0, np.intp)

    def _met(self, n: int, dtype: Any, columns: int) -> Bends:
        self.widths.append(n)
        self.dtypes.append(dtype)
        return Bends([], np.zeros(n, int), np.full(n, columns // max(n, 1)), np.zeros(columns))


@dataclass(frozen=True)
class RunningModule:
    """A module that can be run on points with any geometry.

    Attributes
    ----------
    module : torch.nn.Module
        Our copy, in float64.
    input_shape : tuple of int
        Shape of one input.
    widths : tuple of int
        How many columns each kink has, in the order in which the forward pass meets them.
    dtypes : tuple of numpy dtypes
        Type of the codes of each kink: bool for two pieces, else whole numbers.
    demands : tuple of int
        Memory in bytes of the values that are needed at a time, for each point: up to each kink, and behind the last.
    refused : Unfollowed or None
        Why the forward pass cannot be followed to its end; ``widths`` are those of the kinks in front of there.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """

    module: Any
    input_shape: tuple[int, ...]
    widths: tuple[int, ...]
    dtypes: tuple[Any, ...]
    demands: tuple[int, ...]
    refused: Unfollowed | None = None

    @classmethod
    def of(cls, module: Any, input_shape: Any = None, like: Any = None) -> RunningModule:
        """Copy a module, and run it once to see that everything in it can be followed.

        Raises
        ------
        InvalidInputError
            For a module that cannot be copied or called, or is in training mode. An operation that cannot be followed is
            kept as ``refused``.
        """
        inner = unwrapped(module)
        _check_mode(inner)
        ours = _copied(inner)
        failures = []
        for shape in _shapes(ours, input_shape, like):
            point = Point()
            try:
                _run(ours, shape, np.zeros((1, math.prod(shape))), point)
            except Unfollowed as error:
                # what is in front of it can be walked all the same
                return cls._met(ours, shape, point, error)
            except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, NotImplementedError) as error:
                failures.append(f"{shape}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
                continue
            return cls._met(ours, shape, point)
        raise InvalidInputError(
            explain(
                "the shape of one input, with which the module can be called on a batch of one",
                "; ".join(failures) or ("no shape" if like is None else f"inputs of shape {np.shape(like)}"),
                "",
                "input_shape=(...), the shape of one input",
            )
        )

    @classmethod
    def _met(
        cls, module: Any, shape: tuple[int, ...], point: Point, refused: Unfollowed | None = None
    ) -> RunningModule:
        demands = tuple(8 * numbers for numbers in point.demands)
        return cls(module, shape, tuple(point.widths), tuple(point.dtypes), demands, refused)

    @property
    def row_bytes(self) -> int:
        """The largest of ``demands``."""
        return max(self.demands)

    @property
    def n_features(self) -> int:
        """Numbers in one input."""
        return math.prod(self.input_shape)

    def points(self, x: Any, name: str) -> tuple[Array, bool]:
        """As :meth:`relucvx.network.LayerList.points`."""
        return as_points(x, name, self.n_features, self.input_shape)

    def select(self, layers: int | Sequence[int] | None) -> tuple[int, ...]:
        """As :meth:`relucvx.network.LayerList.select`, for kinks.

        Raises
        ------
        InvalidInputError
            As there, and naming the operation that cannot be followed when all layers are asked for.
        """
        asked = layers if isinstance(layers, Iterable) else [layers]
        depth = len(self.widths)
        if self.refused is not None and not all(k in range(depth) for k in asked):
            raise self.refused.advising(f"layers=range({depth}), those in front of it" if depth else "")
        return select_layers(layers, len(self.widths))

    def run(self, points: Array, geometry: Geometry) -> Any:
        """Send points (rows, n_features) through the module; what it returns, None where the geometry had enough.

        Raises
        ------
        InvalidInputError
            For an operation that cannot be followed at these points.
        """
        return _run(self.module, self.input_shape, points, geometry)


SMALL = 256
"""Numbers in one input up to which a convolutional network is read as matrices."""


def is_large(module: Any, like: Any) -> bool:
    """Whether a module has convolutions or poolings over inputs that matrices would be too large for."""
    windows = (nn.modules.conv._ConvNd, nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)
    images = any(isinstance(layer, windows) for layer in module.modules())
    return images and math.prod(np.shape(like)[-3:]) > SMALL


def opened_instead(module: Any, input_shape: Any, like: Any) -> RunningModule:
    """A module that could not be read as matrices, opened for running; called where that has failed.

    Raises
    ------
    InvalidInputError
        The reason that the reader gave, where running fails as well.
    """
    failed = sys.exception() if sys.version_info >= (3, 11) else sys.exc_info()[1]
    try:
        return RunningModule.of(module, input_shape, like)
    except InvalidInputError as error:
        raise (failed or error) from error


def _run(module: Any, shape: tuple[int, ...], points: Array, geometry: Geometry) -> Any:
    batch = Batch(points, geometry, follow)
    inside: list[str] = []
    try:
        with torch.no_grad(), layer_by_layer(), _named(module, inside):
            return module(batch.start(shape))
    except Enough:
        return None
    except Unfollowed as error:
        if inside:
            raise Unfollowed(f"{error.received} in {inside[-1]}", error.cause, error.fix) from error
        raise
    finally:
        if isinstance(geometry, Point):
            geometry.demands = batch.demands


class _named:
    """While the module runs, which layer of it does."""

    def __init__(self, module: Any, inside: list[str]) -> None:
        self.module, self.inside = module, inside

    def __enter__(self) -> None:
        self.hooks = []
        for name, layer in self.module.named_modules():
            kind = type(layer).__name__
            told = f"layer {name!r} of type {kind}" if name else f"the module itself, a {kind}"
            self.hooks.append(layer.register_forward_pre_hook(self._entering(told)))
            self.hooks.append(layer.register_forward_hook(self._leaving))

    def _entering(self, told: str) -> Any:
        def enter(*_: Any) -> None:
            self.inside.append(told)

        return enter

    def _leaving(self, *_: Any) -> None:
        self.inside.pop()

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()


def _copied(module: Any) -> Any:
    """A copy in float64, whose numbers are finite.

    Raises
    ------
    InvalidInputError
        For a module that cannot be copied, or is not initialised.
    """
    try:
        ours = copy.deepcopy(module).double()
    except Exception as error:
        raise InvalidInputError(
            explain(
                "a module that can be copied",
                f"a {type(module).__name__} that cannot",
                str(error).splitlines()[0] if str(error) else "",
                "copy.deepcopy(module) must work",
            )
        ) from error
    for name, tensor in [*ours.named_parameters(), *ours.named_buffers()]:
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InvalidInputError(
                explain("finite weights", f"nan or inf in {name}", "training diverged or overflowed")
            )
    return ours


def _check_mode(module: Any) -> None:
    """Raise for a layer that is in training mode and then does something else."""
    normalising, drawing = nn.modules.batchnorm._NormBase, (nn.modules.dropout._DropoutNd, nn.RReLU)
    for name, layer in module.named_modules():
        alike = getattr(layer, "running_mean", None) is not None or not isinstance(layer, normalising)
        if isinstance(layer, (normalising, *drawing)) and (layer.training or not alike):
            raise InvalidInputError(
                explain(
                    "layers in eval mode, that normalise by statistics of their own",
                    f"layer {name or 'the module itself'!r} ({type(layer).__name__}) "
                    + ("in training mode" if layer.training else "without running statistics"),
                    "it normalises by the batch at hand, or draws random numbers",
                    "module.eval()"
                    if layer.training
                    else "normalisation that keeps running statistics, as it does by default",
                )
            )


def _shapes(module: Any, input_shape: Any, like: Any) -> list[tuple[int, ...]]:
    """Shapes of one input to try: asked for, fixed by the first layer, or those of the points at hand."""
    if input_shape is not None:
        entries = tuple(input_shape) if isinstance(input_shape, Sequence) else (input_shape,)
        return [tuple(as_count(n, "every size in input_shape") for n in entries)]
    given = () if like is None else tuple(np.shape(like))
    layer = _first(module)
    if isinstance(layer, int):
        return [(layer,)]
    if isinstance(layer, nn.Linear) and (len(given) < 3 or given[-1] != layer.in_features):
        return [(int(layer.in_features),)]
    # points may be one or a batch; two axes are a batch of vectors as long as that fits
    either = [given, given[1:]] if len(given) > 2 else [given[1:], given]
    return [shape for shape in either if shape]


def _first(module: Any) -> Any:
    """The layer that fixes the shape of the input, or the number of inputs; None where that is not to be seen."""
    try:
        return first_layer(module)
    except InvalidInputError:
        return None
