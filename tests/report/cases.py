"""Problems and networks that several tests of reports look at."""

from types import SimpleNamespace

import numpy as np

import relucvx as rx

BETA = 0.5


def planted():
    return rx.datasets.get("planted:20x2")


def scaled(network, factor):
    """The network with its output weights multiplied."""
    return rx.TwoLayerReLU(network.weights_in, factor * network.weights_out)


def finding(comparison, claim):
    (one,) = [f for f in comparison.findings if f.claim == claim]
    return one


def comparison(name="planted:20x2", beta=0.5, **options):
    """A comparison with two runs of known networks."""
    data = rx.datasets.get(name)
    names = {key: options.pop(key) for key in ("feature_names", "target_names") if key in options}
    sol = rx.solve(data.X, data.Y, beta, **options)
    net = sol.network
    worse = rx.TwoLayerReLU(net.weights_in, 1.3 * net.weights_out, net.bias_in, net.bias_out, net.activation)
    history = {"step": np.array([0, 10, 50]), "objective": np.array([9.0, 2.0, 1.0]) * sol.objective}
    runs = [SimpleNamespace(network=n, seed=k, history=history) for k, n in enumerate((worse, net))]
    return rx.compare(data.X, data.Y, beta, runs, solution=sol, **options, **names)
