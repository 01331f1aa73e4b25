"""Small piecewise-linear torch modules, one per operation and per combination, and modules that are none."""

import functools

import torch
from torch import nn
from torch.nn import functional as F

VECTOR, IMAGE, SERIES, VOLUME = (6,), (2, 7, 7), (3, 12), (2, 4, 4, 4)


class Forward(nn.Module):
    """A module whose forward pass is a function of its layers and the input."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.body = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.body(self, x)


def vector(forward, inputs=6, width=8):
    """Two dense layers with an operation in between."""
    return lambda: Forward(
        lambda m, x: F.relu(m.b(forward(m, m.a(x)))), a=nn.Linear(inputs, width), b=nn.LazyLinear(5), c=nn.Linear(6, 8)
    )


def image(forward, out=3):
    """A convolution, an operation, ReLU and a dense layer."""
    return lambda: Forward(
        lambda m, x: F.relu(m.b(forward(m, m.a(x)).flatten(1))),
        a=nn.Conv2d(2, out, 3, padding=1), b=nn.LazyLinear(4), c=nn.Conv2d(2, out, 3, padding=1),
    )  # fmt: skip


def series(forward):
    return lambda: Forward(
        lambda m, x: F.relu(m.b(forward(m, m.a(x)).flatten(1))), a=nn.Conv1d(3, 4, 3), b=nn.LazyLinear(4)
    )


class Block(nn.Module):
    """A residual block whose shortcut is older than what is added to it."""

    def __init__(self, channels, stride=1):
        super().__init__()
        self.one = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.two = nn.Conv2d(channels, channels, 3, 1, 1)
        self.short = nn.Conv2d(channels, channels, 1, stride) if stride > 1 else nn.Identity()
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(self.two(self.act(self.norm(self.one(x)))) + self.short(x))


def inception(m, h):
    return torch.cat([F.relu(h), F.max_pool2d(h, 3, 1, 1), F.avg_pool2d(F.relu(h), 3, 1, 1), 0.5 * h], 1)


def shuffled(m, h):
    n, c, a, b = h.shape
    left, right = F.relu(h).view(n, 2, c // 2, a, b).transpose(1, 2).reshape(n, c, a, b).chunk(2, 1)
    return torch.cat([left, F.leaky_relu(right, 0.2)], 1)


def looped(m, h):
    for _ in range(3):  # the same layer again and again
        h = F.relu(m.c(h[:, :6])) + 0.1 * h
    return h


def early_size(m, x):
    n = x.size(0)  # read before rows are inserted
    return F.relu(m.a(x)).view(n, -1)


def in_place(m, h):
    h[:, :3] = F.relu(h[:, 3:6])
    h += 1.0
    h[:, 1].mul_(-2.0)
    return h.clamp_(-0.5, 2.0)


def aliased(m, h):
    g = h.view(-1)  # shares its memory
    F.relu_(h[:, :4])
    return g.view(h.shape) * 2.0 + h


def attended(m, h):
    weights = torch.linspace(0.0, 1.0, 16, dtype=h.dtype).view(4, 4)
    return torch.einsum("ij,bcj->bci", weights, F.relu(h)[..., :4])


def overwritten(h):
    h[h < 0] = 0.0
    return h


def aged(m, h):
    mask = h > 0  # rows are inserted between here and where it is used
    other = F.relu(m.c(h[:, :6]))
    return torch.where(mask, h, -h) + other


def dense(*layers):
    """Layers between two dense ones."""
    return lambda: nn.Sequential(nn.Linear(6, 8), *[layer() for layer in layers], nn.Linear(8, 3), nn.ReLU())


def images(*layers):
    """Layers behind which a dense one follows."""
    return lambda: nn.Sequential(*[layer() for layer in layers], nn.Flatten(), nn.LazyLinear(3), nn.ReLU())


def padded(mode):
    return images(lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode=mode), nn.ReLU)


def densely(m, h):
    for _ in range(3):
        h = torch.cat([h, F.relu(h[:, :2])], 1)
    return h


CASES = {
    # activations
    "ReLU": (vector(lambda m, h: F.relu(h)), VECTOR),
    "ReLU in place": (vector(lambda m, h: F.relu_(h)), VECTOR),
    "method relu": (vector(lambda m, h: h.relu()), VECTOR),
    "nn.ReLU(inplace)": (lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(True), nn.Linear(8, 4), nn.ReLU(True)), VECTOR),
    "LeakyReLU": (vector(lambda m, h: F.leaky_relu(h, 0.2)), VECTOR),
    "LeakyReLU falling": (vector(lambda m, h: F.leaky_relu(h, -0.7)), VECTOR),
    "PReLU": (lambda: nn.Sequential(nn.Linear(6, 8), nn.PReLU(), nn.Linear(8, 4), nn.ReLU()), VECTOR),
    "PReLU per channel": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.PReLU(3, init=-0.4), nn.Flatten(), nn.Linear(75, 4), nn.ReLU()),
        IMAGE,
    ),
    "RReLU": (lambda: nn.Sequential(nn.Linear(6, 8), nn.RReLU(), nn.Linear(8, 4), nn.ReLU()), VECTOR),
    "ReLU6": (vector(lambda m, h: F.relu6(9 * h)), VECTOR),
    "Hardtanh": (vector(lambda m, h: F.hardtanh(h, -0.3, 0.6)), VECTOR),
    "Hardtanh in place": (vector(lambda m, h: F.hardtanh_(h)), VECTOR),
    "hardsigmoid": (vector(lambda m, h: F.hardsigmoid(6 * h)), VECTOR),
    "softshrink": (vector(lambda m, h: F.softshrink(h, 0.3)), VECTOR),
    "threshold": (vector(lambda m, h: F.threshold(h, 0.2, 0.2)), VECTOR),
    "clamp": (vector(lambda m, h: h.clamp(-0.2, 0.5)), VECTOR),
    "clamp_min": (vector(lambda m, h: h.clamp_min(0.3)), VECTOR),
    "clamp max": (vector(lambda m, h: torch.clamp(h, max=0.3)), VECTOR),
    "clip to tensors": (
        vector(lambda m, h: torch.clip(h, torch.linspace(-1, 0, 8), torch.linspace(0.1, 1, 8))), VECTOR,
    ),
    "clamp between values": (vector(lambda m, h: torch.clamp(h, min=h.flip(1) - 0.1)), VECTOR),
    "abs": (vector(lambda m, h: h.abs()), VECTOR),
    "abs_": (vector(lambda m, h: torch.abs_(h)), VECTOR),
    # comparisons that choose
    "where": (vector(lambda m, h: torch.where(h > 0, h, 0.1 * h)), VECTOR),
    "where with a corner elsewhere": (vector(lambda m, h: torch.where(h <= 0.3, h, 0.3 - 0.5 * (h - 0.3))), VECTOR),
    "where of values": (vector(lambda m, h: torch.where(h >= h.flip(1), h, h.flip(1))), VECTOR),
    "where on a plateau": (vector(lambda m, h: torch.where(F.relu(h) > 0, 2.0 * h, 0.0)), VECTOR),
    "where between two bounds": (
        vector(lambda m, h: torch.where((h > -0.2) & (h < 0.4), h, h.clamp(-0.2, 0.4))), VECTOR,
    ),
    "a constant compared": (vector(lambda m, h: torch.where(torch.zeros(8) < h, h, torch.zeros(()))), VECTOR),
    "product with a mask": (vector(lambda m, h: h * (h > 0)), VECTOR),
    "mask as numbers": (vector(lambda m, h: h * (0.2 + 0.8 * (h >= 0).to(h.dtype))), VECTOR),
    "mask turned round": (image(lambda m, h: (h * ~(h < 0)).permute(0, 2, 3, 1)), IMAGE),
    "masked by itself": (vector(lambda m, h: h.masked_fill(h < 0, 0.0)), VECTOR),
    "entries overwritten": (vector(lambda m, h: overwritten(h)), VECTOR),
    "age of a comparison": (vector(lambda m, h: aged(m, h)), VECTOR),
    # maxima
    "maximum": (vector(lambda m, h: torch.maximum(h[:, :4], h[:, 4:])), VECTOR),
    "minimum": (vector(lambda m, h: torch.minimum(h, h.roll(1, 1))), VECTOR),
    "maximum with a number": (vector(lambda m, h: torch.maximum(h, torch.tensor(0.2))), VECTOR),
    "maximum across ages": (vector(lambda m, h: torch.maximum(h, F.relu(h.flip(1)))), VECTOR),
    "maxout": (vector(lambda m, h: h.view(h.shape[0], 4, 2).max(dim=2).values), VECTOR),
    "maxout of three": (vector(lambda m, h: h[:, :6].reshape(-1, 2, 3).amax(2)), VECTOR),
    "amin": (vector(lambda m, h: h.view(-1, 2, 4).amin((1,), keepdim=True).flatten(1)), VECTOR),
    "less the largest": (vector(lambda m, h: h - h.amax(dim=1, keepdim=True)), VECTOR),
    "min over an axis": (vector(lambda m, h: h.view(-1, 4, 2).min(1)[0]), VECTOR),
    # convolutions and poolings
    "Conv1d": (series(lambda m, h: F.relu(h)), SERIES),
    "MaxPool1d": (series(lambda m, h: F.max_pool1d(h, 3, 2)), SERIES),
    "AvgPool1d": (series(lambda m, h: F.avg_pool1d(F.relu(h), 2)), SERIES),
    "AdaptiveMaxPool1d": (series(lambda m, h: F.adaptive_max_pool1d(h, 4)), SERIES),
    "Conv2d": (image(lambda m, h: F.relu(h)), IMAGE),
    "stride, dilation, groups": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3, 2, 2, 2, 2), nn.ReLU(), nn.Conv2d(4, 4, 2, groups=4), nn.ReLU()), IMAGE,
    ),
    "padding by reflection": (padded("reflect"), IMAGE),
    "circular padding": (padded("circular"), IMAGE),
    "F.pad": (image(lambda m, h: F.relu(F.pad(h, (1, 2, 0, 1), value=0.3))), IMAGE),
    "replication pad": (image(lambda m, h: F.relu(nn.ReplicationPad2d(1)(h))), IMAGE),
    "ConvTranspose2d": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3, 2), nn.ReLU(), nn.ConvTranspose2d(3, 2, 3, 2, 1, 1), nn.ReLU()), IMAGE,
    ),
    "MaxPool2d": (image(lambda m, h: F.max_pool2d(h, 2)), IMAGE),
    "MaxPool2d padded": (image(lambda m, h: F.max_pool2d(h, 3, 2, 1)), IMAGE),
    "MaxPool2d dilated, ceil": (image(lambda m, h: F.max_pool2d(h, 2, 2, 0, 2, ceil_mode=True)), IMAGE),
    "MaxPool2d behind ReLU": (image(lambda m, h: F.max_pool2d(F.relu(h), 3, 1)), IMAGE),
    "AdaptiveMaxPool2d": (image(lambda m, h: F.adaptive_max_pool2d(h, (3, 2))), IMAGE),
    "global max pooling": (image(lambda m, h: h.amax((2, 3))), IMAGE),
    "AvgPool2d": (image(lambda m, h: F.avg_pool2d(F.relu(h), 3, 2, 1, count_include_pad=False)), IMAGE),
    "AdaptiveAvgPool2d": (image(lambda m, h: F.adaptive_avg_pool2d(F.relu(h), (3, 1))), IMAGE),
    "mean of pixels": (image(lambda m, h: F.relu(h).mean((2, 3))), IMAGE),
    "Conv3d, MaxPool3d": (images(lambda: nn.Conv3d(2, 2, 2), lambda: nn.MaxPool3d(2, 1), nn.ReLU), VOLUME),
    "AdaptiveMaxPool3d": (images(lambda: nn.Conv3d(2, 3, 2), lambda: nn.AdaptiveMaxPool3d(2)), VOLUME),
    # upsampling
    "nearest": (image(lambda m, h: F.relu(m.c(F.interpolate(F.relu(h), scale_factor=2)[:, :2]))), IMAGE),
    "bilinear": (
        image(lambda m, h: F.relu(F.interpolate(h, size=(5, 9), mode="bilinear", align_corners=False))), IMAGE,
    ),
    "PixelShuffle": (image(lambda m, h: F.relu(F.pixel_shuffle(h, 2)), 4), IMAGE),
    # normalisation, dropout, constants
    "BatchNorm1d": (dense(lambda: nn.BatchNorm1d(8), nn.ReLU), VECTOR),
    "BatchNorm2d": (image(lambda m, h: F.relu(F.batch_norm(h, *(k * torch.ones(3, dtype=h.dtype) for k in (1, 2))))), IMAGE),
    "Dropout": (dense(nn.Dropout, nn.ReLU, nn.AlphaDropout), VECTOR),
    "buffers and weights": (vector(lambda m, h: F.relu(h * torch.linspace(-1, 1, 8) + m.c.weight[:, 0])), VECTOR),
    "arithmetic": (vector(lambda m, h: (2.0 - F.relu(h)) / 3.0 - (-h)), VECTOR),
    "matmul": (vector(lambda m, h: F.relu(h @ m.c.weight) - torch.matmul(h, m.c.weight)), VECTOR),
    "einsum": (series(attended), SERIES),
    "weight_norm": (
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 8)), nn.ReLU(), *dense(nn.ReLU)()[2:]), VECTOR,
    ),
    # structure
    "residual": (vector(lambda m, h: F.relu(h + F.relu(m.c(F.relu(h)[:, :6])))), VECTOR),
    "residual blocks": (images(lambda: nn.Conv2d(2, 4, 3), lambda: Block(4), lambda: Block(4, 2)), IMAGE),
    "inception": (image(inception), IMAGE),
    "shuffle": (image(shuffled, 4), IMAGE),
    "dense connections": (image(densely), IMAGE),
    "a layer used again": (vector(looped), VECTOR),
    "size read early": (lambda: Forward(early_size, a=nn.Linear(6, 8)), VECTOR),
    "split and stack": (vector(lambda m, h: torch.stack([F.relu(p) for p in h.split(4, 1)], 2).flatten(1)), VECTOR),
    "unbind, index": (vector(lambda m, h: F.relu(torch.stack(h.unbind(1)[::2], 1))[:, [2, 0, 0, 1]]), VECTOR),
    "gather with constants": (vector(lambda m, h: F.relu(h.index_select(1, torch.tensor([3, 1, 1, 0])))), VECTOR),
    "in place": (vector(in_place), VECTOR),
    "aliases": (vector(aliased), VECTOR),
    "squeeze and permute": (image(lambda m, h: F.relu(h.permute(0, 2, 3, 1).contiguous()).unsqueeze(1).squeeze(1)), IMAGE),
    "channels last": (image(lambda m, h: F.relu(h.to(memory_format=torch.channels_last))), IMAGE),
    "unfold": (image(lambda m, h: F.relu(F.unfold(h, 3, stride=2))), IMAGE),
    "masked by a constant": (vector(lambda m, h: F.relu(h.masked_fill(torch.arange(8) > 5, -0.1))), VECTOR),
    "sequence of tokens": (
        lambda: nn.Sequential(nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3), nn.ReLU()), SERIES,
    ),
    "nested tuples": (
        vector(lambda m, h: functools.reduce(torch.add, {"a": (F.relu(h), [h.abs()])}["a"][1], F.relu(-h))), VECTOR,
    ),
    "branch on a shape": (vector(lambda m, h: F.relu(h) if h.shape[1] == 8 else h), VECTOR),
    "conversions": (vector(lambda m, h: F.relu(h.to(torch.float64)).type_as(m.a.weight)), VECTOR),
    "no bend": (lambda: nn.Sequential(nn.Linear(6, 3)), VECTOR),
}  # fmt: skip

QUICK = (
    "ReLU in place", "ReLU6", "maxout of three", "MaxPool2d padded", "residual blocks", "inception", "in place", "aliases",
    "size read early", "maximum across ages", "min over an axis", "PReLU per channel", "where on a plateau",
    "age of a comparison",
)  # fmt: skip
"""Those that are looked at in every run of the tests."""


def plain(function):
    return lambda: Forward(lambda m, x: function(F.relu(m.a(x))), a=nn.Linear(6, 6))


def trained(layer):
    return lambda: nn.Sequential(nn.Linear(6, 6), layer).train()


REFUSED = {
    "softmax": (plain(lambda h: h.softmax(1)), VECTOR, "softmax"),
    "GELU": (lambda: nn.Sequential(nn.Linear(6, 6), nn.GELU()), VECTOR, "gelu.*layer '1' of type GELU"),
    "tanh": (plain(torch.tanh), VECTOR, "tanh"),
    "sigmoid": (plain(torch.sigmoid), VECTOR, "sigmoid"),
    "SiLU": (lambda: nn.Sequential(nn.Linear(6, 6), nn.SiLU()), VECTOR, "silu.*layer '1' of type SiLU"),
    "hardswish": (plain(F.hardswish), VECTOR, "hardswish"),
    "ELU": (plain(F.elu), VECTOR, "elu"),
    "softplus": (plain(F.softplus), VECTOR, "softplus"),
    "LayerNorm": (plain(lambda h: F.layer_norm(h, (6,))), VECTOR, "layer_norm"),
    "GroupNorm": (plain(lambda h: F.group_norm(h, 2)), VECTOR, "group_norm"),
    "square": (plain(lambda h: h**2), VECTOR, "pow"),
    "product": (plain(lambda h: h * h.flip(1)), VECTOR, "'mul'.*product of two values"),
    "matrix product": (plain(lambda h: h @ h.T), VECTOR, "'mm'.*product of two values"),
    "quotient": (plain(lambda h: 1.0 / (h + 1.0)), VECTOR, "reciprocal"),
    "quotient of two": (plain(lambda h: h / (h + 1.0)), VECTOR, "'div'.*denominator"),
    "sign": (plain(torch.sign), VECTOR, "'sign'.*jumps"),
    "round": (plain(torch.round), VECTOR, "'round'.*jumps"),
    "threshold that jumps": (plain(lambda h: F.threshold(h, 0.5, 0.0)), VECTOR, "'threshold'.*jumps"),
    "hardshrink": (plain(F.hardshrink), VECTOR, "hardshrink.*jumps"),
    "argmax": (plain(lambda h: h.argmax(1)), VECTOR, "argmax"),
    "integers": (plain(lambda h: h.long()), VECTOR, "_to_copy.*int64"),
    "positions of maxima": (plain(lambda h: h.max(1).indices + 1), VECTOR, "'add' of the positions of maxima"),
    "sort": (plain(lambda h: h.sort(1).values), VECTOR, "'sort'"),
    "control flow": (plain(lambda h: h if h.sum() > 0 else -h), VECTOR, "decides by the numbers"),
    "a comparison returned": (plain(lambda h: h + (h > 0)), VECTOR, "'add'.*added is a jump"),
    "a comparison counted": (plain(lambda h: (h > 0).sum(1) * h[:, 0]), VECTOR, "'sum'.*a comparison jumps"),
    "a comparison in place": (plain(lambda h: h.gt_(0.0)), VECTOR, "'gt'.*jump"),
    "equality": (plain(lambda h: torch.where(h == 0, h, -h)), VECTOR, "'eq'.*jumps"),
    "entries picked by a comparison": (plain(lambda h: h[h > 0]), VECTOR, "'index'.*a comparison jumps"),
    "a number read": (plain(lambda h: h * h.sum().item()), VECTOR, "_local_scalar_dense.*decides by the numbers"),
    "training BatchNorm": (trained(nn.BatchNorm1d(6)), VECTOR, "layer '1' \\(BatchNorm1d\\) in training mode"),
    "training Dropout": (trained(nn.Dropout()), VECTOR, "layer '1' \\(Dropout\\) in training mode"),
    "training RReLU": (trained(nn.RReLU()), VECTOR, "layer '1' \\(RReLU\\) in training mode"),
    "norm": (plain(lambda h: h.norm(dim=1)), VECTOR, "norm"),
    "LSTM": (lambda: nn.LSTM(12, 4, batch_first=True), SERIES, "LSTM"),
    "attention": (lambda: nn.TransformerEncoderLayer(12, 2, 8, batch_first=True), SERIES, "softmax|attention|bmm|mul"),
    "an unknown bend": (plain(lambda h: torch.special.entr(h)), VECTOR, "special_entr"),
}  # fmt: skip


def made(name, seed=0):
    """The module of a case in float64 and eval mode, with batch statistics of its own, and the shape of its inputs."""
    torch.manual_seed(seed)
    factory, shape = CASES[name]
    module = factory().double().eval()
    with torch.no_grad():
        module(torch.zeros((1, *shape), dtype=torch.float64))
        for layer in module.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.running_mean.normal_()
                layer.running_var.uniform_(0.5, 2.0)
    return module, shape
