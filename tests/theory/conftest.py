"""Claims of a test's own in place of the registry."""

import pytest

import relucvx as rx
from relucvx.theory import registry, verification


@pytest.fixture
def published(monkeypatch):
    """Replace the registry by given claims."""

    def publish(*claims):
        monkeypatch.setattr(registry, "claims", lambda: claims)
        monkeypatch.setattr(verification, "claims", lambda: claims)

    return publish


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels():
    """Claims give their trials a limit: kernels are compiled before the first of them."""
    X, y = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5], [0.5, -1.0]], [2.0, 1.0, -1.0, 2.0]
    rx.optimal_set(rx.solve(X, y, 0.1))
    rx.solve(X, [[a, -a] for a in y], 0.1)
