"""Networks of any origin read as the same list of layers, which computes what they do; everything unknown is named."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from metrics.nets import sawtooth
from torch import nn
from torch.nn import functional

from relucvx.errors import InvalidInputError
from relucvx.metrics import folding, line_regions
from relucvx.network import DeepNetwork, TwoLayerReLU, to_torch
from relucvx.network.reading import read_layers
from relucvx.network.torch_graph import agrees


def assert_same_line(a, b, start, end):
    first, second = line_regions(a, start, end), line_regions(b, start, end)
    np.testing.assert_array_equal(first.codes, second.codes)
    np.testing.assert_allclose(first.breakpoints, second.breakpoints, rtol=1e-12)


def test_all_forms_of_a_network_agree():
    rng = np.random.default_rng(0)
    net = TwoLayerReLU(rng.standard_normal((8, 3)), rng.standard_normal((8, 2)), bias_in=rng.standard_normal(8))
    start, end = 3 * rng.standard_normal((2, 3))
    for other in (DeepNetwork.from_two_layer(net), to_torch(net), SimpleNamespace(network=net)):
        assert_same_line(net, other, start, end)
    deep = sawtooth(4)
    assert_same_line(deep, deep.to_torch(), [0.0], [1.0])


def test_nested_modules_and_layers_without_effect():
    torch.manual_seed(0)
    a, b, c = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 2)
    plain = nn.Sequential(a, nn.ReLU(), b, nn.LeakyReLU(0.2), c)
    nested = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(a, nn.Identity(), nn.Sequential(nn.ReLU(), nn.Dropout(0.5))),
        b,
        nn.LeakyReLU(0.2),
        c,
    ).eval()
    start, end = 5 * torch.randn(2, 4)
    assert_same_line(plain, nested, start, end)
    assert_same_line(plain, nested, start.reshape(2, 2), end.numpy().reshape(2, 2))
    assert line_regions(plain, start, end).layer.tolist() == [0] * 6 + [1] * 5
    assert folding(nested, start, end).r2 > 0


def test_the_read_network_computes_the_same_function():
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4, bias=False), nn.ReLU(), nn.ReLU(), nn.Linear(4, 2)).double()
    read = read_layers(module)
    X = torch.randn(7, 3, dtype=torch.float64)
    H = X.numpy()
    np.testing.assert_allclose(read.outputs(H), module(X).detach().numpy(), rtol=1e-12)
    assert read.widths == (4, 4)  # two Linear layers in a row have no kink between them
    assert read.n_features == 3


def test_activations_without_a_kink_are_part_of_the_affine_map():
    net = DeepNetwork(([[2.0]], [[3.0]], [[1.0]]), activation=(2.0, 2.0))
    read = read_layers(net)
    assert read.hidden == ()
    np.testing.assert_allclose(read.head(np.array([[1.0]])), net.predict([[1.0]]))
    scaled = read_layers(nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.LeakyReLU(1.0)))
    assert scaled.head is None
    read = read_layers(nn.Sequential(nn.Linear(1, 1), nn.ReLU()))
    assert read.head is None


class Block(nn.Module):
    """A residual block as in image classifiers: two convolutions, and one on the shortcut where shapes differ."""

    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.first, self.second = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.Conv2d(n_out, n_out, 3, 1, 1)
        self.norm1, self.norm2 = nn.BatchNorm2d(n_out), nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        same = stride == 1 and n_in == n_out
        self.shortcut = None if same else nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out))

    def forward(self, x):
        out = self.relu(self.norm1(self.first(x)))
        out = self.norm2(self.second(out))
        out += x if self.shortcut is None else self.shortcut(x)
        return self.relu(out)


class Add(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return functional.relu(self.body(x) + x)


class Functional(nn.Module):
    """Functions and methods in place of layers."""

    def __init__(self):
        super().__init__()
        self.stem, self.head, self.blocks = nn.Conv2d(1, 3, 3, padding=1), nn.Linear(45, 4), Block(3, 5, 2)

    def forward(self, x, unused=None):
        x = self.blocks(torch.relu(self.stem(x)).contiguous())
        y = functional.dropout(x.view(x.size(0), -1), training=self.training)
        z = functional.leaky_relu(y, negative_slope=0.2)
        x = x.relu().add(torch.add(x, x.flatten(2).reshape((x.shape[0], 5, 3, 3)))).add_(x)
        return self.head(z + torch.flatten(x, 1).reshape(-1, 45))


def conv(n_in, n_out, *args, **kwargs):
    return nn.Conv2d(n_in, n_out, *args, **kwargs)


def pools():
    """Every combination of padding, ceiling and counting, with windows that overlap, miss entries or stick out."""
    for ceil in (False, True):
        for pad in (0, 1):
            yield nn.MaxPool2d(3, 2, pad, ceil_mode=ceil)
            yield nn.MaxPool2d((2, 3), (1, 3), (1, pad), dilation=(2, 1), ceil_mode=ceil)
            for count in (False, True):
                yield nn.AvgPool2d(3, 2, pad, ceil_mode=ceil, count_include_pad=count)
                yield nn.AvgPool2d((2, 3), 3, pad, ceil_mode=ceil, count_include_pad=count, divisor_override=5)


MODULES = {
    "strides": (nn.Sequential(conv(3, 4, 3, 2, 1), nn.ReLU(), conv(4, 2, (1, 4), (1, 2)), nn.LeakyReLU(0.1)), (3, 7, 9)),
    "groups": (nn.Sequential(conv(4, 6, 3, padding="same", dilation=(2, 1), groups=2, bias=False), nn.ReLU()), (4, 6, 5)),
    "depthwise": (nn.Sequential(conv(3, 3, 3, groups=3, padding="valid"), nn.ReLU(), conv(3, 2, 1)), (3, 5, 4)),
    "norms": (
        nn.Sequential(
            conv(1, 4, 5, padding=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Dropout2d(0.5), nn.Flatten(),
            nn.Linear(64, 5), nn.BatchNorm1d(5, affine=False), nn.ReLU(), nn.Linear(5, 2),
        ),
        (1, 7, 8),
    ),
    "adaptive": (nn.Sequential(nn.AdaptiveAvgPool2d((2, None)), nn.ReLU(), nn.AdaptiveAvgPool2d(1)), (2, 5, 3)),
    "partly flat": (nn.Sequential(nn.BatchNorm1d(6), nn.Flatten(2), nn.Flatten(1, 2), nn.Linear(24, 3)), (6, 4)),
    "relu first": (nn.Sequential(nn.ReLU(), nn.Linear(4, 3)), (4,)),
    "blocks": (
        nn.Sequential(
            Block(3, 4), Block(4, 4), Block(4, 6, 2), Add(Add(nn.Sequential(conv(6, 6, 3, padding=1), nn.MaxPool2d(3, 1, 1)))),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
        ),
        (3, 6, 6),
    ),
    "dense blocks": (Add(nn.Sequential(nn.Linear(30, 80), nn.ReLU(), Add(nn.Linear(80, 80)), nn.Linear(80, 30))), (30,)),
    "functional": (Functional(), (1, 6, 6)),
    **{f"pool {k}": (nn.Sequential(pool, nn.ReLU()), (2, 8, 7)) for k, pool in enumerate(pools())},
}  # fmt: skip


def randomised(module, seed=0):
    """Weights and running statistics that make every step matter, in float64."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    for tensor in module.parameters():
        tensor.data.normal_(generator=generator)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            part.running_mean.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
    return module, generator


@pytest.mark.parametrize("name", MODULES)
def test_reads_what_the_module_computes(name):
    module, generator = randomised(MODULES[name][0])
    X = torch.randn(6, *MODULES[name][1], dtype=torch.float64, generator=generator)
    read = read_layers(module, MODULES[name][1])
    expected = module(X).detach().numpy().reshape(6, -1)
    found = read.outputs(X.numpy().reshape(6, -1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert read.n_outputs == expected.shape[1]
    assert read.input_shape == MODULES[name][1]


@pytest.mark.parametrize("name", ["strides", "norms", "blocks", "functional", "pool 0"])
def test_codes_are_those_of_the_modules_own_activations(name):
    """The read network's neurons, hooked into the module where that is possible, have the codes found along a segment."""
    module, generator = randomised(MODULES[name][0])
    start, end = torch.randn(2, *MODULES[name][1], dtype=torch.float64, generator=generator)
    read = read_layers(module, like=start)
    line = line_regions(module, start, end)
    assert line.n_regions > 10
    for t, code in zip(line.midpoints[::7], line.codes[::7], strict=True):
        at = ((1 - t) * start + t * end).numpy().reshape(1, -1)
        assert (np.hstack(read.preactivations(at))[0] > 0).tolist() == code.tolist()
    # outputs are linear between breakpoints and bend at them
    ends = np.concatenate([[0.0], line.breakpoints, [1.0]])
    flat = [((1 - t) * start + t * end)[None] for t in (*ends, *line.midpoints)]
    values = module(torch.cat(flat)).detach().numpy().reshape(len(flat), -1)
    corners, middles = values[: len(ends)], values[len(ends) :]
    np.testing.assert_allclose(middles, (corners[1:] + corners[:-1]) / 2, atol=1e-9 * np.abs(values).max())


def test_the_neurons_of_a_convolution_are_its_units():
    module, generator = randomised(nn.Sequential(conv(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)))
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64, generator=generator)
    read = read_layers(module, like=x)
    np.testing.assert_allclose(read.preactivations(x.numpy().reshape(1, -1))[0], module[0](x).detach().reshape(1, -1))
    assert read.hidden[0].name == "1"


def test_max_pooling_takes_a_tournament():
    module = nn.Sequential(nn.MaxPool2d(2))
    read = read_layers(module, (1, 2, 2))
    assert read.widths == (2, 1)
    X = np.random.default_rng(0).standard_normal((9, 4))
    np.testing.assert_allclose(read.outputs(X)[:, 0], X.max(axis=1), rtol=1e-15)
    # the largest entry changes once along this segment, and so does one comparison
    line = line_regions(module, [[[0.0, 1.0], [2.0, 3.0]]], [[[0.0, 4.0], [2.0, 3.0]]])
    np.testing.assert_allclose(line.breakpoints, [2 / 3])


def test_shapes_of_inputs():
    module, generator = randomised(nn.Sequential(conv(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)))
    a, b = torch.randn(2, 5, 1, 4, 4, dtype=torch.float64, generator=generator)
    many = line_regions(module, a, b)
    assert len(many) == 5
    for line, start, end in zip(many, a, b, strict=True):
        one = line_regions(module, start, end)
        np.testing.assert_array_equal(one.codes, line.codes)
        flat = line_regions(module, start.flatten(), end.flatten(), input_shape=(1, 4, 4))
        np.testing.assert_array_equal(flat.codes, line.codes)
    assert isinstance(line_regions(module, a[:1], b[:1]), tuple)
    read = read_layers(module, (1, 4, 4))
    assert [read.points(np.zeros(s), "x")[1] for s in ((16,), (1, 4, 4), (1, 16), (1, 1, 4, 4), (2, 16))] == [
        True, True, False, False, False,
    ]  # fmt: skip
    flat = read_layers(nn.Sequential(nn.Flatten(), nn.Linear(16, 1)))
    assert flat.input_shape == (16,)
    assert [flat.points(np.zeros(s), "x")[1] for s in ((4, 4), (1, 4, 4), (3, 4, 4))] == [True, True, False]
    assert read_layers(nn.Sequential(nn.BatchNorm1d(3)).eval()).input_shape == (3,)
    assert read_layers(nn.Sequential(nn.ReLU()), 3).input_shape == (3,)
    assert read_layers(nn.ReLU(), like=np.zeros((2, 3))).input_shape == (3,)


def test_modules_of_any_precision():
    module = randomised(MODULES["blocks"][0])[0]
    lower = read_layers(module.float(), (3, 6, 6))
    assert lower.widths == read_layers(module.double(), (3, 6, 6)).widths
    assert read_layers(Add(nn.Linear(3, 3)).bfloat16()).widths == (3,)
    assert read_layers(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)).train()).widths == ()


def test_weights_may_be_sparse_and_stay_so():
    read = read_layers(MODULES["strides"][0].double(), (3, 7, 9))
    assert not isinstance(read.hidden[0].map.weight, np.ndarray)
    dense = read_layers(nn.Sequential(conv(1, 2, 3), nn.ReLU()), (1, 3, 3))
    assert isinstance(dense.hidden[0].map.weight, np.ndarray)


class Odd(nn.Module):
    def forward(self, x):
        return x.cos()


class Skipping(nn.Sequential):
    def forward(self, x):
        return super().forward(x) * x


class Choosing(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Hidden(nn.Module):
    """An in-place operation that tracing cannot see: the shortcut has been overwritten."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)

    def forward(self, x):
        y = self.first(x)
        z = y
        z += x
        return torch.relu(y)


class Needing(nn.Module):
    def forward(self, x, y):
        return x


class Several(nn.Module):
    def forward(self, x, y=None):
        return x + y


def module_of(function, *parts):
    """A module whose forward is the function of itself and x."""

    class Made(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, x):
            return function(self.parts, x)

    return Made()


def over(function, *parts, size=2):
    """The same as a module on two numbers."""
    return nn.Sequential(nn.Linear(2, size), module_of(function, *parts))


def hooked():
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    module[0].register_forward_hook(lambda *_: None)
    return module


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: 3, "received builtins.int"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Tanh()), "layer '1' of type Tanh"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm1d(2))), "layer '1.0' of type BatchNorm1d"),
        (lambda: nn.Sequential(nn.Conv2d(1, 1, 1)), "the shape of one input.*its first layer is Conv2d"),
        (lambda: nn.Sequential(nn.Linear(2, 2), Odd()), "layer '1' of type Odd"),
        (lambda: nn.Sequential(nn.Linear(2, 2), Skipping(nn.Linear(2, 2))), "layer '1' of type Skipping"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), "layer '1' of type Dropout.*training mode.*eval"),
        (lambda: nn.Sequential(nn.Flatten(0), nn.Linear(2, 2)), "one input, which the module does not fix.*is Flatten"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.Flatten(2)),
            r"at least 2 axes beside the samples; received layer '1' of type Flatten with start_dim=2 .*\(2,\)",
        ),
        (lambda: DeepNetwork(([[1.0]], [[1.0]]), activation="tanh"), "a piecewise-linear activation; received.*'tanh'"),
        (hooked, "without forward hooks"),
        (
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.Conv2d(2, 2, 1)),
            r"\(channels.*layer '2'.*Conv2d.*\(2,\)",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.Linear(3, 2)),
            r"an input of shape \(3,\).*layer '1' of type Linear",
        ),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train(), "'1' of type BatchNorm1d.*module.eval"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)).eval(),
            "running statistics; received layer '1' of type BatchNorm1d without them",
        ),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(3)).eval(), r"3 channels first.*BatchNorm1d.*\(2,\)"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm2d(2)).eval(), r"2 channels first.*BatchNorm2d.*\(2,\)"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2)), "layer '1' of type LSTM"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), Choosing()),
            "fixed sequence.*layer '1' of type Choosing.*cannot trace",
        ),
        (Hidden, "operation 'iadd'|whose outputs differ from those of its graph"),
        (
            lambda: over(lambda m, x: m[0](input=x), nn.Linear(2, 2)),
            "operation 'parts_0' .call_module parts.0. in layer '1'",
        ),
        (lambda: over(lambda m, x: m[0](x.shape[0]), nn.ReLU()), "operation 'parts_0'"),
        (lambda: over(lambda m, x: x.shape), "operation 'output'"),
        (lambda: over(lambda m, x: x * x), "operation 'mul' .call_function mul. in layer '1' of type Made"),
        (lambda: over(lambda m, x: torch.add(x, x, alpha=2)), "operation 'add'"),
        (lambda: over(lambda m, x: x + m[0](x), nn.Linear(2, 1)), "operation 'add'"),
        (lambda: over(lambda m, x: functional.gelu(x)), "operation 'gelu'"),
        (lambda: over(lambda m, x: x.relu_() + x), "operation 'relu_'"),
        (lambda: over(lambda m, x: functional.relu(x, inplace=True) + x), "operation 'relu'"),
        (lambda: over(lambda m, x: x.add_(x) + x), "operation 'add_'"),
        (lambda: over(lambda m, x: m[0](x) + x, nn.ReLU(inplace=True)), "inplace=True, whose input is used again"),
        (lambda: over(lambda m, x: functional.dropout(x)), "operation 'dropout'"),
        (lambda: over(lambda m, x: torch.flatten(x)), "operation 'flatten'"),
        (lambda: over(lambda m, x: x.view(2, -1)), "operation 'view'"),
        (lambda: over(lambda m, x: x.view(-1, 3)), "operation 'view'"),
        (lambda: over(lambda m, x: x.view(x.size(0), x.size(0))), "operation 'view'"),
        (lambda: over(lambda m, x: x.T), "operation 'getattr_1'"),
        (lambda: over(lambda m, x: x[0]), "operation 'getitem'"),
        (lambda: over(lambda m, x: x.view(x.shape[2], 2)), "operation 'getitem'"),
        (lambda: over(lambda m, x: x.view(x.size(2), 2)), "operation 'size'"),
        (lambda: over(lambda m, x: m[0].weight, nn.Linear(2, 2)), "operation 'output'"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), Needing()),
            "Needing, which torch.fx cannot trace; .*missing 1 required",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), Several()),
            "operation 'add' .* in layer '1' of type Several",
        ),
    ],
)
def test_refusals_name_the_layer(module, message):
    with pytest.raises(InvalidInputError, match=message):
        line_regions(module(), [0.0, 0.0], [1.0, 1.0])


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Conv2d(2, 1, 2), r"an image of 2 channels; received layer '0' of type Conv2d.*\(1, 3, 3\)"),
        (nn.Conv2d(1, 1, 2, padding=1, padding_mode="reflect"), "padding by zeros.*padding_mode='reflect'"),
        (nn.Conv2d(1, 1, 4), "at least as large as the window; received layer '0' of type Conv2d"),
        (nn.MaxPool2d(4), "at least as large as the window; received layer '0' of type MaxPool2d"),
        (nn.MaxPool2d(2, return_indices=True), "values only; received layer '0' of type MaxPool2d"),
        (nn.Flatten(0), "samples to stay apart: start_dim >= 1; received layer '0' of type Flatten"),
        (nn.Linear(9, 2), r"an input of shape \(9,\).*layer '0' of type Linear.*nn.Flatten"),
        (nn.Upsample(scale_factor=2), "layer '0' of type Upsample"),
    ],
)
def test_image_refusals_name_the_layer(layer, message):
    with pytest.raises(InvalidInputError, match=message):
        read_layers(nn.Sequential(layer), (1, 3, 3))


@pytest.mark.parametrize("shape", [0, (), (1, -2), (1.5,), True, ("a",)])
def test_input_shapes_are_checked(shape):
    with pytest.raises(InvalidInputError, match="input_shape"):
        read_layers(nn.Sequential(nn.Conv2d(1, 1, 1)), shape)


def test_the_shape_must_be_known():
    module = nn.Sequential(nn.Conv2d(1, 1, 1))
    with pytest.raises(
        InvalidInputError, match=r"shape of one input.*received none.*first layer is Conv2d.*input_shape="
    ):
        read_layers(module)
    with pytest.raises(InvalidInputError, match=r"inputs of shape \(4,\)"):
        line_regions(module, np.zeros(4), np.ones(4))
    with pytest.raises(InvalidInputError, match="no layer of it has a fixed size"):
        read_layers(nn.Sequential(nn.ReLU()))
    with pytest.raises(InvalidInputError, match=r"x to be one point; received a batch of 2"):
        read_layers(nn.Linear(3, 1)).point(np.zeros((2, 3)), "x")


def test_an_overwritten_shortcut_is_noticed():
    """The comparison with the module itself catches what the graph does not show."""
    torch.manual_seed(0)
    network = read_layers(nn.Linear(2, 2))
    with pytest.raises(InvalidInputError, match="traces faithfully; received Linear, whose outputs differ"):
        agrees(nn.Linear(2, 2), network)


def test_wrappers_are_looked_through():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)).eval()
    start, end = torch.randn(2, 3)
    read = read_layers(net)
    assert read_layers(read) is read
    for wrapped in (torch.compile(net, backend="eager"), nn.DataParallel(net), nn.DataParallel(nn.DataParallel(net))):
        assert_same_line(net, wrapped, start, end)
    net.train()
    with pytest.raises(InvalidInputError, match="layer '1' of type BatchNorm1d"):
        read_layers(nn.DataParallel(net))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_modules_are_refused():
    scripted = torch.jit.trace(nn.Sequential(nn.Linear(3, 5), nn.ReLU()), torch.zeros(1, 3))
    with pytest.raises(InvalidInputError, match=r"a TorchScript module.*the module that it was made from"):
        read_layers(scripted)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_must_be_finite(value):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 2))
    read_layers(net, (1, 18, 18))
    for layer, name in ((net[0], "hidden layer 0"), (net[3], "the last layer")):
        for numbers in (layer.weight, layer.bias):
            numbers.data.view(-1)[0], before = value, numbers.data.view(-1)[0].item()
            with pytest.raises(InvalidInputError, match=f"finite weights; received nan or inf in the map of {name}"):
                read_layers(net, (1, 18, 18))
            numbers.data.view(-1)[0] = before
    read_layers(net, (1, 18, 18))
