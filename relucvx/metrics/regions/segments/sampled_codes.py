"""Codes of networks with activations of any kind, smooth ones too, at given points: what is seen when they are run there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.conversion import as_list, free_memory
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.limits import timed
from relucvx.metrics.figures import axes_or_new
from relucvx.metrics.samples.groups import Indices
from relucvx.network import is_torch_module
from relucvx.types import ArrayLike, BoolArray, Result
from relucvx.validation import as_count, as_numpy

hooks = later("relucvx.metrics.layers.hooks")
seen = later("relucvx.metrics.regions.segments.switches")


@dataclass(frozen=True)
class SampledCodes(Result):
    """Codes of a network at given points.

    Attributes
    ----------
    codes : ndarray of shape (n, N), bool
        One row per point: on which side of nought the argument of each activation lies.
    layer, neuron : ndarray of shape (N,)
        Layer of each column, and its place in the layer.
    kinds : tuple of str
        Activation of each layer, in the order in which they are called.

    Notes
    -----
    Status: a record of what :func:`sampled_codes` finds, which states what it rests on. Source: [lewandowski-2025].

    Examples
    --------
    >>> import torch
    >>> import relucvx as rx
    >>> net = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.GELU(), torch.nn.Linear(1, 1))
    >>> _ = torch.nn.init.ones_(net[0].weight)
    >>> found = rx.metrics.sampled_codes(net, [[-9.0], [9.0]])
    >>> found.n_codes, found.kinds
    (2, ('gelu',))
    """

    codes: BoolArray
    layer: Indices
    neuron: Indices
    kinds: tuple[str, ...]

    @property
    def n_codes(self) -> int:
        """Different codes seen: at most the number that there are."""
        return len(np.unique(np.packbits(self.codes, axis=1), axis=0))

    @property
    def n_codes_of_half(self) -> int:
        """Different codes at every other point: far fewer than ``n_codes`` means that more points would show more."""
        return len(np.unique(np.packbits(self.codes[::2], axis=1), axis=0))

    def facts(self) -> dict[str, Any]:
        """How many points, neurons and codes, and how many codes half of the points show."""
        return {
            "points": len(self.codes), "neurons": self.codes.shape[1], "n_codes": self.n_codes,
            "n_codes_of_half": self.n_codes_of_half, "kinds": ", ".join(dict.fromkeys(self.kinds)),
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per layer: its activation, its neurons, and how many codes it has by itself."""
        for layer in np.unique(self.layer):
            own = self.codes[:, self.layer == layer]
            alone = len(np.unique(np.packbits(own, axis=1), axis=0))
            yield {"layer": int(layer), "kind": self.kinds[layer], "neurons": own.shape[1], "n_codes": alone}

    def plot(self, ax: Any = None) -> Any:
        """Draw the codes, a column for each point, dark where a neuron is active; returns the axes."""
        ax = axes_or_new(ax)
        ax.imshow(
            self.codes.T, aspect="auto", cmap="Blues", vmin=0.0, vmax=1.4, origin="lower", interpolation="nearest"
        )
        ax.set(xlabel="point", ylabel="neuron")
        return ax


@timed("sampled_codes(module, X[::4])")
def sampled_codes(
    module: Any,
    X: ArrayLike,
    layers: int | Sequence[int] | None = None,
    *,
    batch_size: int = 1024,
    time_limit: float | None = None,
) -> SampledCodes:
    """Codes of a torch module at given points, whatever its activations: on which side of nought their arguments lie.

    For piecewise-linear networks :func:`relucvx.metrics.line_regions` and :func:`relucvx.metrics.slice_regions` find every
    region; smooth activations (GELU, SiLU, tanh, ...) have no regions on which anything is exactly linear. Their codes can be
    sampled all the same, and compared with those of ReLU networks.

    Parameters
    ----------
    module : torch.nn.Module
        It is run as it is; activations are found as they are called, as modules or as functions.
    X : array_like of shape (n, ...)
        Points: samples, a grid, or a walk.
    layers : int or sequence of int, optional
        Activations that make up the code, counted in the order in which they are called; default all.
    batch_size : int, default 1024
        Points per forward pass.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    SampledCodes

    Raises
    ------
    InvalidInputError
        For another object, a module in which no activation is called, layers that do not exist, an activation whose values are
        not one row per sample, and codes that do not fit in memory.

    Notes
    -----
    The argument's sign is where ReLU-like activations (GELU, SiLU, softplus, ELU) turn from flat to steep, and the middle of
    sigmoids. Activations that bend elsewhere have one entry for each bend: ReLU6 at 0 and 6, Hardtanh at its ends, hard sigmoid
    and swish at -3 and 3. Softmax, pooling and what happens inside of LSTMs have no entry.

    What points miss is not seen: the number of different codes is a lower bound of the number that there are, and chi of a
    sampled walk has no bound at all. Values within rounding of nought (in the module's dtype) may lie on either side.

    Source: [lewandowski-2025].
    Status: heuristic (sampled).

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2), torch.nn.SiLU())
    >>> found = sampled_codes(net, np.random.default_rng(0).standard_normal((50, 2)))
    >>> found.codes.shape, found.layer.tolist(), found.kinds
    ((50, 5), [0, 0, 0, 1, 1], ('tanh', 'silu'))
    """
    batch_size = as_count(batch_size, "batch_size")
    if not is_torch_module(module):
        raise InvalidInputError(
            explain(
                "a torch module, which is run",
                type(module).__name__,
                "",
                "network.to_torch(), or line_regions, which is exact",
            )
        )
    hooked = hooks.Hooked(module, X if hasattr(X, "detach") else as_numpy(X, "X"), batch_size)
    inputs = hooked.inputs.first
    chosen = (
        None if layers is None else [layers] if isinstance(layers, (int, np.integer)) else as_list(layers, "layers")
    )
    parts: list[BoolArray] = []
    found = None
    for rows in range(0, len(inputs), batch_size):
        batch = inputs[rows : rows + batch_size]
        found = seen.switches(hooked.module, batch)
        taken = _taken(found, chosen)
        block = np.hstack([found[at].codes for at in taken])
        if not parts:
            _check_memory(len(inputs), block.shape[1])
        parts.append(block)
    assert found is not None  # there is a sample
    sizes = [found[at].codes.shape[1] for at in taken]
    return SampledCodes(
        np.vstack(parts),
        np.repeat(np.array(taken, dtype=np.intp), sizes),
        np.concatenate([np.arange(size, dtype=np.intp) for size in sizes]),
        tuple(switch.kind for switch in found),
    )


def _taken(found: Sequence[Any], chosen: Sequence[Any] | None) -> list[int]:
    """Positions of the activations that make up the code."""
    if not found:
        raise InvalidInputError(
            explain(
                "a module that calls an activation", "none", "a linear module, or activations inside a compiled part"
            )
        )
    if chosen is None:
        return list(range(len(found)))
    whole = [isinstance(at, (int, np.integer)) and not isinstance(at, bool) for at in chosen]
    if not chosen or not all(whole) or any(not 0 <= at < len(found) for at in chosen):
        raise InvalidInputError(explain(f"layers between 0 and {len(found) - 1}", f"{list(chosen)!r:.80}"))
    return sorted({int(at) for at in chosen})


def _check_memory(n: int, width: int) -> None:
    """Refuse codes that do not fit, with room for the copy that joins them."""
    needed, free = 2.0 * n * width, free_memory()
    if needed > free:
        raise InvalidInputError(
            explain(
                "codes that fit in memory",
                f"{n:,} points x {width:,} neurons, {needed / 2**30:.2g} GiB, where {free / 2**30:.2g} GiB are free",
                "",
                "fewer points, or layers=[...]",
            )
        )
