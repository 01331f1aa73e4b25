"""One two-layer network in every way that people write it in torch."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune
from torch.optim.swa_utils import AveragedModel

D, M, C = 5, 7, 3


def numbers():
    """Weights and biases of the network, in float64."""
    g = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    return {"W": draw(M, D), "b": draw(M), "V": draw(C, M), "c": draw(C)}


def linear(weight, bias):
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    layer.weight.data.copy_(weight)
    layer.bias.data.copy_(bias)
    return layer


def parts():
    n = numbers()
    return linear(n["W"], n["b"]), linear(n["V"], n["c"])


def plain():
    first, last = parts()
    return nn.Sequential(first, nn.ReLU(), last)


def with_activation(layer):
    first, last = parts()
    return nn.Sequential(first, layer, last)


class Net(nn.Module):
    """fc1, an activation given as a function, fc2; attributes in another order than they are applied, one unused."""

    def __init__(self, activation, before=None):
        super().__init__()
        first, self.fc2 = parts()
        self.unused = nn.ReLU()
        self.fc1 = first
        self.activation, self.before = activation, before

    def forward(self, x):
        x = x if self.before is None else self.before(x)
        return self.fc2(self.activation(self.fc1(x)))


class Attribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc2, self.relu, self.fc1 = parts()[1], nn.ReLU(), parts()[0]

    def forward(self, x):
        return self.fc2(self.relu(self.fc1(x)))


class Reused(nn.Module):
    """One module called at three places, a method in between, and an argument with a default."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = parts()
        self.same, self.act = nn.Dropout(0.5), nn.ReLU()
        self.eval()

    def hidden(self, x):
        return self.same(self.act(self.fc1(self.same(x))))

    def forward(self, x, mask=None):
        return self.same(self.fc2(self.hidden(x) if mask is None else mask))


class Raw(nn.Module):
    """Parameters in place of layers."""

    def __init__(self):
        super().__init__()
        for name, value in numbers().items():
            setattr(self, name, nn.Parameter(value / (2.0 if name == "V" else 1.0)))

    def forward(self, x):
        return 2.0 * (F.linear(x, self.W, self.b).clamp(min=0) @ self.V.t()) + self.c


class Wrapper(nn.Module):
    """As trainers write it: whatever comes goes to the module."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)


class Network(nn.Module):
    """Calls a part of itself its network."""

    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(*parts()[:1], nn.ReLU())
        self.head = parts()[1]

    def forward(self, x):
        return self.head(self.network(x))


def normed():
    """BatchNorm between the first layer and its activation, which undoes what was done to the layer."""
    first, last = parts()
    norm = nn.BatchNorm1d(M, eps=0.0, dtype=torch.float64)
    g = torch.Generator().manual_seed(4)
    norm.running_mean.normal_(generator=g)
    norm.running_var.uniform_(0.5, 2.0, generator=g)
    norm.weight.data.uniform_(0.5, 2.0, generator=g)
    norm.bias.data.normal_(generator=g)
    scale = norm.weight.data / norm.running_var.sqrt()
    first.weight.data /= scale[:, None]
    first.bias.data = (first.bias.data - norm.bias.data) / scale + norm.running_mean
    return nn.Sequential(first, norm, nn.ReLU(), last).eval()


def weight_normed():
    first, last = parts()
    return nn.Sequential(nn.utils.parametrizations.weight_norm(first), nn.ReLU(), last)


def parametrised():
    class Doubled(nn.Module):
        def forward(self, weight):
            return 2.0 * weight

        def right_inverse(self, weight):
            return weight / 2.0

    first, last = parts()
    nn.utils.parametrize.register_parametrization(last, "weight", Doubled())
    return nn.Sequential(first, nn.ReLU(), last)


def pruned():
    module = plain()
    prune.identity(module[0], "weight")
    return module


def nested():
    first, last = parts()
    body = nn.Sequential(nn.Identity(), nn.Sequential(first, nn.Dropout(0.5)), nn.Sequential(nn.ReLU(inplace=True)))
    return nn.Sequential(nn.Flatten(), body, nn.Sequential(last)).eval()


def traced():
    return torch.fx.symbolic_trace(Net(F.relu))


def compiled(backend="eager"):
    return torch.compile(plain(), backend=backend)


def compiled_inside():
    first, last = parts()
    return nn.Sequential(torch.compile(nn.Sequential(first, nn.ReLU()), backend="eager"), last)


def compiled_in_place():
    module = plain()
    module.compile(backend="eager")
    return module


SPELLINGS = {
    "Sequential": plain,
    "nested": nested,
    "fc1, relu, fc2 in any order": Attribute,
    "F.relu": lambda: Net(F.relu),
    "torch.relu": lambda: Net(torch.relu),
    "x.relu()": lambda: Net(lambda x: x.relu()),
    "x.relu_()": lambda: Net(lambda x: x.relu_()),
    "clamp(min=0)": lambda: Net(lambda x: x.clamp(min=0)),
    "torch.clamp_min": lambda: Net(lambda x: torch.clamp_min(x, 0.0)),
    "F.leaky_relu(0)": lambda: Net(lambda x: F.leaky_relu(x, 0.0)),
    "nn.LeakyReLU(0)": lambda: with_activation(nn.LeakyReLU(0.0)),
    "nn.PReLU": lambda: with_activation(nn.PReLU(init=0.0, dtype=torch.float64)),
    "F.threshold": lambda: Net(lambda x: F.threshold(x, 0.0, 0.0)),
    "-clamp(-x, max=0)": lambda: Net(lambda x: -torch.clamp(-x, max=0.0)),
    "reused modules": Reused,
    "functional dropout": lambda: Net(lambda x: F.dropout(F.relu(x), 0.5, training=False)),
    "view of the input": lambda: Net(F.relu, before=lambda x: x.view(x.size(0), -1)),
    "torch.flatten": lambda: Net(F.relu, before=lambda x: torch.flatten(x, 1)),
    "raw parameters": Raw,
    "BatchNorm folded": normed,
    "weight_norm": weight_normed,
    "parametrised": parametrised,
    "pruned": pruned,
    "named network": Network,
    "fx.GraphModule": traced,
    "DataParallel": lambda: nn.DataParallel(plain()),
    "AveragedModel": lambda: AveragedModel(plain()),
    "wrapper with *args": lambda: Wrapper(Attribute()),
    "torch.compile": compiled,
    "a compiled part": compiled_inside,
    "module.compile()": compiled_in_place,
}
