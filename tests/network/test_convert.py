"""Round trips with torch, and the structures that are refused by name."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import relucvx as rx
from relucvx.errors import DataFileError, InvalidInputError, UnsupportedError
from relucvx.network import DeepNetwork, ParallelReLU, TwoLayerReLU, as_network, from_torch, save_state_dict, to_torch


def random_net(seed, m=5, d=3, c=2, bias=(True, True), activation="relu"):
    rng = np.random.default_rng(seed)
    return TwoLayerReLU(
        rng.standard_normal((m, d)),
        rng.standard_normal((m, c)),
        bias_in=rng.standard_normal(m) if bias[0] else None,
        bias_out=rng.standard_normal(c) if bias[1] else None,
        activation=activation,
    )


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 10**6),
    st.integers(0, 6),
    st.integers(1, 4),
    st.integers(1, 3),
    st.tuples(st.booleans(), st.booleans()),
    st.sampled_from(["relu", "leaky_relu", "abs", "linear", (0.25, 1.0)]),
)
def test_round_trip_keeps_outputs_and_arrays(seed, m, d, c, bias, activation):
    net = random_net(seed, m, d, c, bias, activation)
    X = np.random.default_rng(seed + 1).standard_normal((7, d))
    module = to_torch(net)
    with torch.no_grad():
        there = module(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(there, net.predict(X), rtol=1e-12, atol=1e-12)
    back = from_torch(module)
    assert back.to_dict() == net.to_dict()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_from_torch_any_dtype(dtype):
    module = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.3), nn.Linear(4, 2, bias=False)).to(dtype)
    net = from_torch(module)
    assert net.bias_out is None
    X = np.random.default_rng(0).standard_normal((6, 3))
    with torch.no_grad():
        expected = module.double()(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12, atol=1e-12)


def test_nested_tied_and_parametrised():
    tied = nn.Linear(3, 3)
    nested = nn.Sequential(nn.Sequential(tied, nn.ReLU()), tied)
    assert from_torch(nn.Sequential(nested)).weights_out.shape == (3, 3)
    normed = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)), nn.ReLU(), nn.Linear(4, 1))
    X = torch.ones(2, 3)
    with torch.no_grad():
        np.testing.assert_allclose(from_torch(normed).predict(X), normed(X).numpy(), rtol=1e-5)


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))

    def forward(self, x):
        return -self.layers(x)


class Flipped(nn.Sequential):
    def forward(self, x):
        return -super().forward(x)


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Skip(nn.Module):
    def forward(self, x):
        return x + torch.relu(x)


def test_whatever_classes_do_around_their_layers_is_read():
    X = torch.randn(5, 3)
    for module in (
        Custom(),
        Flipped(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)),
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(), Doubled(4, 1)),
    ):
        with torch.no_grad():
            np.testing.assert_allclose(from_torch(module).predict(X), module(X).numpy(), atol=1e-6)


def hooked():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    module[2].register_forward_hook(lambda _module, _inputs, output: -output)
    return module


def replaced():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    module[1].forward = lambda x: x
    return module


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), "layer '1' of type Tanh.*not piecewise linear"),
        (
            nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 1)),
            "'2' of type Dropout.*training mode.*eval",
        ),
        (nn.Sequential(nn.Identity(), nn.Linear(3, 4)), "Sequential without an activation.*an affine map"),
        (
            nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1), nn.ReLU()),
            r"Sequential with 2 activations \('1', '3'\)",
        ),
        (nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.GELU()), nn.Linear(4, 1)), r"layer '1\.0' of type GELU"),
        (nn.Sequential(nn.Linear(3, 4), nn.ReLU()), "Sequential, which ends with its activation '1'"),
        (nn.Linear(3, 4), "received Linear without an activation"),
        (
            nn.Sequential(nn.ReLU(), nn.Linear(3, 4)),
            "a linear layer in front of every activation; .* before activation '0'",
        ),
        (nn.Sequential(nn.Linear(3, 3), Skip(), nn.Linear(3, 1)), "3 values pass the activation 'relu' by.*skip"),
        (hooked(), r"without forward hooks; received hooks or a replaced forward on layer 2 \(Linear\)"),
        (replaced(), r"hooks or a replaced forward on layer 1 \(ReLU\)"),
        (nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 1)), "initialised weights.*LazyLinear"),
        (nn.Sequential(nn.Linear(3, 4, device="meta"), nn.ReLU(), nn.Linear(4, 1)), "initialised weights"),
        (
            nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 1)),
            r"an input of shape \(5,\).*layer '2' of type Linear behind one of shape \(4,\)",
        ),
        (
            nn.Sequential(nn.Linear(3, 4, dtype=torch.cfloat), nn.ReLU(), nn.Linear(4, 1)),
            "real numbers; .*complex64",
        ),
        ("a string", "received builtins.str"),
    ],
)
def test_refused_structures(module, message):
    with pytest.raises(InvalidInputError, match=message):
        from_torch(module)


def test_as_network():
    net = random_net(3)
    assert as_network(net) is net
    assert as_network(to_torch(net), activation="relu").to_dict() == net.to_dict()
    with pytest.raises(InvalidInputError, match=r"a network with activation abs .*received relu \(slopes 0, 1\)"):
        as_network(net, activation="abs")
    with pytest.raises(InvalidInputError, match=r"a TwoLayerReLU or a torch module.*received builtins.dict"):
        as_network({})


class Multiplied(nn.Module):
    """Matrices of its own: no layer says how many inputs it takes."""

    def __init__(self):
        super().__init__()
        self.W, self.v = nn.Parameter(torch.eye(2).double()), nn.Parameter(torch.ones(2, 1).double())

    def forward(self, x):
        return torch.relu(x @ self.W) @ self.v


def test_data_at_hand_say_how_many_inputs_a_module_takes():
    X, y, module = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 1.0]]), [1.0, 2.0, 0.0], Multiplied()
    read = from_torch(module, input_shape=2)
    with pytest.raises(InvalidInputError, match=r"try: input_shape=\(\.\.\.\), the shape of one input"):
        DeepNetwork.from_torch(module)
    assert DeepNetwork.from_torch(module, input_shape=(2,)).hidden(X)[0].tolist() == read.hidden(X).tolist()
    K = read.hidden(X) @ read.hidden(X).T
    assert rx.representation_kernel(module, X).tolist() == K.tolist()
    problem = rx.make_problem(X, y, 0.5)
    upper = rx.certify(read, problem).upper
    proofs = [rx.certify(module, problem), rx.certify(module, X.tolist(), y, 0.5), rx.certify(module, X, y, beta=0.5)]
    assert [proof.upper for proof in proofs] == [upper] * 3
    assert rx.solve(problem, start=module).objective <= upper
    with pytest.raises(InvalidInputError, match="expected three layers"):
        ParallelReLU.from_torch(module, input_shape=2)


def test_torch_is_not_imported_for_other_objects():
    code = (
        "import sys, relucvx.network as n\n"
        "n.as_network(n.TwoLayerReLU([[1.0]], [1.0]))\n"
        "try: n.as_network(3)\n"
        "except ValueError: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("bias", [(True, True), (False, False), (True, False)])
def test_state_dicts_are_what_plain_torch_loads(tmp_path, bias):
    net = random_net(3, bias=bias)
    state = torch.load(save_state_dict(net, tmp_path / "net.pt"))
    module = nn.Sequential(nn.Linear(3, 5, bias=bias[0]), nn.ReLU(), nn.Linear(5, 2, bias=bias[1])).double()
    module.load_state_dict(state)
    X = np.random.default_rng(0).standard_normal((7, 3))
    assert np.allclose(module(torch.tensor(X)).detach().numpy(), net.predict(X), rtol=1e-14)


def test_state_dicts_that_cannot_be_written(tmp_path):
    with pytest.raises(DataFileError, match="the folder does not exist"):
        save_state_dict(random_net(0), tmp_path / "nowhere" / "net.pt")
    with pytest.raises(UnsupportedError, match="positive slope 1"):
        save_state_dict(random_net(0, activation=(0.0, 2.0)), tmp_path / "net.pt")
    with pytest.raises(InvalidInputError, match="path as text or a path"):
        save_state_dict(random_net(0), 3)
    assert list(tmp_path.iterdir()) == []
