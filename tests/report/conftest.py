"""A solved problem and a comparison, made once."""

from types import SimpleNamespace

import pytest
from report.cases import BETA, comparison, planted, scaled

import relucvx as rx


@pytest.fixture(scope="module")
def solved():
    data = planted()
    return rx.solve(data.X, data.Y, BETA)


@pytest.fixture(scope="module")
def found(solved):
    """The optimum itself as a torch module, a rescaled copy, one slightly and one badly off."""
    data = planted()
    network = solved.network
    unbalanced = rx.TwoLayerReLU(2 * network.weights_in, network.weights_out / 2)
    history = {"step": [0, 10], "objective": [3.0, solved.objective]}
    runs = [
        SimpleNamespace(
            network=network,
            seed=3,
            steps=10,
            seconds=0.5,
            stationarity=1e-9,
            status=rx.Status.CONVERGED,
            history=history,
        ),
        rx.to_torch(scaled(network, 1.0 + 1e-4)),
        scaled(network, 2.0),
        unbalanced,
    ]
    return rx.compare(data.X, data.Y, BETA, runs, solution=solved)


@pytest.fixture(scope="module")
def plane():
    return comparison()


@pytest.fixture(scope="module")
def sphere():
    return comparison(bias="all")
