"""Each kind of torch layer, read."""

import numpy as np
import pytest
import torch
from network.test_layers import MODULES, randomised
from torch import nn
from torch.nn import functional

from relucvx.errors import InvalidInputError
from relucvx.metrics import line_regions
from relucvx.network import DeepNetwork
from relucvx.network.reading import read_layers


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
    line = line_regions(module, start, end, route="compiled")
    assert line.n_regions > 10
    for t, code in zip(line.midpoints[::7], line.codes[::7], strict=True):
        at = ((1 - t) * start + t * end).numpy().reshape(1, -1)
        values = read.preactivations(at)
        codes = [kink.codes([values[k] for k in kink.rounds]) for kink in read.kinks]
        assert np.hstack(codes)[0].tolist() == code.tolist()
    # outputs are linear between breakpoints and bend at them
    ends = np.concatenate([[0.0], line.breakpoints, [1.0]])
    flat = [((1 - t) * start + t * end)[None] for t in (*ends, *line.midpoints)]
    values = module(torch.cat(flat)).detach().numpy().reshape(len(flat), -1)
    corners, middles = values[: len(ends)], values[len(ends) :]
    np.testing.assert_allclose(middles, (corners[1:] + corners[:-1]) / 2, atol=1e-9 * np.abs(values).max())


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
        line_regions(module(), [0.0, 0.0], [1.0, 1.0], route="compiled")
