"""Images and series as bags of rows: the windows that a convolution looks at, in the order in which torch lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from relucvx.conversion import shown, to_numpy
from relucvx.errors import InvalidInputError, explain
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_flat_matrix

Pair = tuple[int, int]


def patches(
    images: ArrayLike, size: int | Sequence[int], stride: int | Sequence[int] = 1, padding: int | Sequence[int] = 0
) -> Array:
    """The patches of images as bags of rows: what a convolution multiplies with its filters.

    Parameters
    ----------
    images : array_like, shape (n, h, w) or (n, channels, h, w)
        Series (n, channels, T) are images of height one: ``patches(series[:, :, None, :], size=(1, 5))``.
    size, stride, padding : int or pair of int
        Of the windows, as in ``torch.nn.Conv2d``: height and width, steps, and zeros at each end.

    Returns
    -------
    ndarray, shape (n, p, d)
        p windows of each image, row by row, of ``d = channels · height · width`` entries in the order of a filter's weights.

    Raises
    ------
    InvalidInputError
        For arrays of another shape, and for windows that do not fit into the image.

    Notes
    -----
    Status: theorem (a definition). Source: [ergen-pilanci-2021], [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> image = np.arange(9.0).reshape(1, 3, 3)
    >>> rx.patches(image, size=2, stride=1)[0].tolist()
    [[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0], [3.0, 4.0, 6.0, 7.0], [4.0, 5.0, 7.0, 8.0]]
    """
    vertical, horizontal = as_pair(padding, "padding", 0)
    return windows_of(
        images, as_pair(size, "size", 1), as_pair(stride, "stride", 1), ((vertical, vertical), (horizontal, horizontal))
    )


def windows_of(images: ArrayLike, size: Pair, stride: Pair, pads: tuple[Pair, Pair], dilation: Pair = (1, 1)) -> Array:
    """As :func:`patches`, with zeros of either end apart and with steps between the entries of a window."""
    raw = to_numpy(images, "images")
    if raw.ndim == 3:
        raw = raw[:, None]
    if raw.ndim != 4 or 0 in raw.shape:
        raise InvalidInputError(
            explain(
                "images of shape (n, h, w) or (n, channels, h, w)",
                f"shape {to_numpy(images, 'images').shape}",
                "flattened images, or a single one",
                "images.reshape(n, h, w)",
            )
        )
    raw = as_flat_matrix(raw, "images").reshape(raw.shape)  # finite numbers, or an error that says where not
    span = tuple(step * (k - 1) + 1 for k, step in zip(size, dilation, strict=True))
    padded = np.pad(raw, ((0, 0), (0, 0), *pads))
    if padded.shape[2] < span[0] or padded.shape[3] < span[1]:
        raise InvalidInputError(
            explain(
                f"windows that fit into images of {padded.shape[2]} x {padded.shape[3]}, padding included",
                f"windows of {span[0]} x {span[1]}",
                "",
                f"size={min(padded.shape[2:])} or more padding",
            )
        )
    view = np.lib.stride_tricks.sliding_window_view(padded, span, axis=(2, 3))
    view = view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    n, channels, rows, columns = view.shape[:4]
    return np.ascontiguousarray(view.transpose(0, 2, 3, 1, 4, 5)).reshape(
        n, rows * columns, channels * size[0] * size[1]
    )


def as_pair(value: Any, name: str, least: int) -> Pair:
    """Height and width of whole numbers, from one number or two."""
    several = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    pair = tuple(value) if several or getattr(value, "ndim", 0) == 1 else (value, value)
    whole = all(isinstance(k, (int, np.integer)) and not isinstance(k, bool) and k >= least for k in pair)
    if len(pair) != 2 or not whole:
        raise InvalidInputError(
            explain(
                f"{name} as a whole number of at least {least}, or two of them",
                shown(value),
                "",
                f"{name}={max(least, 2)}",
            )
        )
    return int(pair[0]), int(pair[1])
