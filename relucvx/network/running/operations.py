"""What operations of torch are: affine, products, bends, or nothing that can be followed; the last are named.

Operations are seen as torch's dispatcher sees them (``aten::…``), so functions, methods,
operators and modules are the same here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree

from relucvx.errors import InvalidInputError, explain
from relucvx.network.running.rows import SPECIAL, WINDOWS, Rows


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


AFFINE = _names("""
    add sub rsub neg positive sum mean nansum cumsum diff trace
    view reshape _unsafe_view flatten unflatten squeeze unsqueeze permute transpose t numpy_T movedim swapaxes alias detach
    detach_ expand expand_as repeat tile clone contiguous copy copy_ lift_fresh select slice narrow split split_with_sizes chunk
    unbind unsafe_chunk unsafe_split unsafe_split_with_sizes as_strided_copy diagonal diag diag_embed tril triu flip roll rot90
    unfold im2col col2im index index_select gather take masked_fill masked_scatter index_add index_copy index_put
    select_scatter slice_scatter scatter scatter_add cat concat stack hstack vstack pad constant_pad_nd reflection_pad1d
    reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d pixel_shuffle pixel_unshuffle
    channel_shuffle native_channel_shuffle avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d upsample_nearest1d upsample_nearest2d upsample_nearest3d
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d
    _upsample_bilinear2d_aa upsample_trilinear3d upsample_bicubic2d zeros_like ones_like full_like new_zeros new_ones new_full
    zero fill repeat_interleave view_as_real real dropout fold
    """)
"""Affine whatever their other arguments are, which are constants."""

UNFILLED = _names("empty_like new_empty new_empty_strided")
"""Memory to be written into, which begins as zeros here."""

PRODUCTS: dict[str, tuple[int, ...]] = {
    "mul": (0, 1), "multiply": (0, 1), "mm": (0, 1), "bmm": (0, 1), "mv": (0, 1), "dot": (0, 1), "vdot": (0, 1),
    "matmul": (0, 1), "linear": (0, 1), "addmm": (1, 2), "addbmm": (1, 2), "baddbmm": (1, 2), "addmv": (1, 2),
    "addr": (1, 2), "addcmul": (1, 2), "convolution": (0, 1), "_convolution": (0, 1), "convolution_overrideable": (0, 1),
    "mkldnn_convolution": (0, 1), "outer": (0, 1), "_trilinear": (0, 1, 2),
}  # fmt: skip
"""Affine as long as at most one of these arguments passes through the network."""

SMOOTH = _names("""
    tanh sigmoid gelu silu mish softplus elu selu celu hardswish log_sigmoid log_sigmoid_forward glu _softmax softmax
    _log_softmax log_softmax exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh asinh acosh atanh erf erfc
    sqrt rsqrt square pow reciprocal logsumexp logcumsumexp logaddexp native_layer_norm native_group_norm layer_norm group_norm
    instance_norm linalg_vector_norm norm var std var_mean std_mean cdist _cdist_forward prod cumprod frac remainder fmod
    hypot atan2 atan2 _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_attention_math
    scaled_dot_product_attention _fused_rms_norm rms_norm lstm gru rnn_tanh linalg_norm cosine_similarity
    """)
"""Not piecewise linear (or no more so than a norm is)."""

JUMPS = _names("""
    sign sgn floor ceil round trunc heaviside argmax argmin hardshrink threshold bernoulli gt ge lt le eq ne isnan isinf
    isfinite signbit logical_and logical_or logical_not bitwise_and nonzero floor_divide bucketize searchsorted any all
    """)
"""Functions that jump, or that are no numbers to go on with."""

ORDERED = _names(
    "sort topk msort median nanmedian kthvalue mode cummax cummin fractional_max_pool2d fractional_max_pool3d aminmax"
)
"""Piecewise linear, or nearly, but not followed here."""

DRAWN = _names(
    "native_dropout rand_like randn_like randint_like bernoulli normal uniform random multinomial _fused_dropout exponential"
)

DECISIONS = _names("_local_scalar_dense equal is_nonzero item allclose")
"""Operations by which Python learns a number, to decide by it."""


@dataclass(frozen=True)
class Call:
    """An operation as it is called."""

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def name(self) -> str:
        """As torch calls it, without the overload, and without the underscore of one that works in place."""
        full = str(self.func._schema.name).split("::")[-1]
        return full[:-1] if self.writes and full.endswith("_") and not full.endswith("__") else full

    @property
    def writes(self) -> bool:
        """Whether it writes into one of its arguments."""
        return bool(self.func._schema.is_mutable)

    @property
    def arguments(self) -> dict[str, Any]:
        """All arguments by name, those left out with their defaults."""
        out: dict[str, Any] = {}
        for position, argument in enumerate(self.func._schema.arguments):
            given = self.args[position] if position < len(self.args) else argument.default_value
            out[argument.name] = self.kwargs.get(argument.name, given)
        return out

    @property
    def rows(self) -> list[Rows]:
        """The tensors among the arguments that pass through the network."""
        return [x for x in pytree.tree_leaves((self.args, self.kwargs)) if isinstance(x, Rows)]

    @property
    def written(self) -> list[Any]:
        """The arguments that it writes into."""
        marked = zip(self.func._schema.arguments, self.arguments.values(), strict=True)
        return [x for argument, x in marked if argument.alias_info is not None and argument.alias_info.is_write]


class Unfollowed(InvalidInputError):
    """An operation that cannot be followed: what it is and where, why, and what helps."""

    def __init__(self, received: str, cause: str, fix: str = "") -> None:
        self.received, self.cause, self.fix = received, cause, fix
        known = "operations between which a network is linear (affine ones, and kinks such as relu, clamp and maxima)"
        super().__init__(explain(known, received, cause, fix))

    def advising(self, fix: str) -> Unfollowed:
        """The same with another next step, where there is none."""
        return Unfollowed(self.received, self.cause, self.fix or fix or "pass the part of the model without it")


def check(call: Call) -> None:
    """Raise unless an operation without a bend is affine in what passes through the network.

    Raises
    ------
    Unfollowed
        Naming the operation.
    """
    name, received = call.name, f"{call.name!r} (torch's {call.func})"
    if name in DRAWN:
        raise Unfollowed(received, "it draws random numbers", "module.eval()")
    stranger = next((x for x in call.written if not isinstance(x, Rows)), None)
    if stranger is not None:
        raise Unfollowed(received, "it writes into a tensor that is not part of the forward pass, such as a buffer")
    if torch.Tag.inplace_view in call.func.tags:
        raise Unfollowed(received, "it changes the shape of a tensor in place", f"x = x.{name}(...)")
    if name in DECISIONS:
        raise Unfollowed(received, "the forward pass decides by the numbers that pass through it")
    if name in JUMPS:
        raise Unfollowed(received, "it jumps, or compares: a network with it is not continuous")
    if name in SMOOTH:
        raise Unfollowed(received, "it is not piecewise linear")
    if name in ORDERED:
        raise Unfollowed(received, "where it changes its order is not followed")
    if name == "_to_copy":
        _check_copy(call, received)
    elif name in ("native_batch_norm", "_native_batch_norm_legit", "cudnn_batch_norm"):
        if call.arguments["training"]:
            raise Unfollowed(received, "it normalises by the batch at hand", "module.eval()")
        _check_one(call, received, ("input",))
    elif name in PRODUCTS:
        positions = PRODUCTS[name]
        if sum(isinstance(call.args[p], Rows) for p in positions if p < len(call.args)) > 1:
            raise Unfollowed(received, "a product of two values that pass through the network is not piecewise linear")
    elif name in ("div", "true_divide", "divide", "addcdiv"):
        if any(isinstance(x, Rows) for x in call.args[2 if name == "addcdiv" else 1 :]):
            raise Unfollowed(received, "a quotient is not piecewise linear in its denominator")
    elif name not in AFFINE | UNFILLED and name != "_native_batch_norm_legit_no_training":
        _check_by_trying(call, received)


def _check_copy(call: Call, received: str) -> None:
    dtype = call.arguments["dtype"]
    if dtype is not None and not dtype.is_floating_point:
        raise Unfollowed(received, f"rounding to {dtype} jumps")


def _check_one(call: Call, received: str, names: Sequence[str]) -> None:
    if any(isinstance(x, Rows) for name, x in call.arguments.items() if name not in names):
        raise Unfollowed(received, "its parameters are not constant")


def _check_by_trying(call: Call, received: str) -> None:
    """Compare an unknown operation at random arguments of several sizes with its interpolation.

    Status: heuristic (a bend that none of the sizes meets is not found).
    """
    generator = torch.Generator().manual_seed(0)
    if call.writes:
        raise Unfollowed(received, "it works in place, and is not known here")
    shares = torch.tensor([1.0, 0.0, 0.3, -1.5], dtype=torch.float64)
    flat, spec = pytree.tree_flatten((call.args, call.kwargs))
    for size in (1e-3, 1.0, 30.0, 1e4):
        trial, places = list(flat), [i for i, x in enumerate(flat) if isinstance(x, Rows)]
        ends = [size * torch.randn((2, *flat[i].shape), generator=generator, dtype=torch.float64) for i in places]
        values = []
        for share in shares:
            for i, (one, other) in zip(places, ends, strict=True):
                trial[i] = share * one + (1.0 - share) * other
            args, kwargs = pytree.tree_unflatten(trial, spec)
            values.append(_tried(call.func, args, kwargs, received))
        first, second = values[:2]
        scale = max(float(v.abs().max()) if v.numel() else 0.0 for v in values)
        for share, value in zip(shares[2:], values[2:], strict=True):
            off = (value - share * first - (1.0 - share) * second).abs()
            if off.numel() and not float(off.max()) <= 1e-9 * scale:
                raise Unfollowed(received, "at random arguments it is not affine, and no bend that is known here")


def _tried(func: Any, args: Any, kwargs: Any, received: str) -> torch.Tensor:
    try:
        out = func(*args, **kwargs)
    except Exception as error:
        raise Unfollowed(received, f"it is not known here, and fails when it is tried: {error}") from error
    leaves = [x for x in pytree.tree_leaves(out) if isinstance(x, torch.Tensor)]
    if not leaves or not all(x.is_floating_point() for x in leaves):
        raise Unfollowed(received, "it is not known here, and returns no numbers")
    return torch.cat([x.double().reshape(-1) for x in leaves])


def affine(call: Call) -> Any:
    """An operation without a bend, on all rows.

    Raises
    ------
    Unfollowed
        For one that is not affine.
    """
    check(call)
    batch, inputs = call.rows[0].block.batch, call.rows
    if call.writes:
        return _in_place(call)
    if "batch_norm" in call.name:
        return (_normalised(call), *[torch.empty(0)] * (len(call.func._schema.returns) - 1))
    if call.name in UNFILLED:
        return batch.wrap(batch.run(call.func, call.args, call.kwargs).zero_(), inputs)
    if call.name == "_to_copy":
        return batch.wrap(call.arguments["self"].physical().clone(), inputs)
    return batch.wrap(batch.run(call.func, call.args, call.kwargs, _rows_at_a_time(call)), inputs)


def _rows_at_a_time(call: Call) -> int:
    """How many rows an operation should take at a time: all, but for convolutions, which write out their windows."""
    if "convolution" not in call.name or not isinstance(call.args[0], Rows):
        return 2**62
    image, kernel = call.args[:2]
    windows = image.numel() * math.prod(kernel.shape[2:])
    return max(1, WINDOWS // max(1, windows))


def _in_place(call: Call) -> Rows:
    target: Rows = call.written[0]
    batch = target.block.batch
    before = target.physical()
    zero = before[:1].clone()
    batch.run(call.func, call.args, call.kwargs)
    after = target.physical()
    # what the zero became is the constant part, in the special rows alone
    after[1:SPECIAL] -= after[:1].clone() - zero
    after[0] = 0.0
    return target


def _normalised(call: Call) -> Rows:
    """Batch normalisation in eval mode: a factor and a shift for every channel, in one pass."""
    given = call.arguments
    x: Rows = given["input"]
    mean, var = given["running_mean"].double(), given["running_var"].double()
    factor = torch.rsqrt(var + given["eps"])
    factor = factor if given["weight"] is None else factor * given["weight"].double()
    shift = -mean * factor if given["bias"] is None else given["bias"].double() - mean * factor
    shape = (1, 1, len(factor), *[1] * (x.dim() - 2))
    out = torch.addcmul(shift.view(shape), x.physical(), factor.view(shape))
    rows: Rows = x.block.batch.wrap(out, [x])
    return rows
