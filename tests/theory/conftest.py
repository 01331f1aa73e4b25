"""Claims give their trials a limit: kernels are compiled before the first of them."""

import pytest

import relucvx as rx


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels():
    X, y = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5], [0.5, -1.0]], [2.0, 1.0, -1.0, 2.0]
    rx.optimal_set(rx.solve(X, y, 0.1))
    rx.solve(X, [[a, -a] for a in y], 0.1)
