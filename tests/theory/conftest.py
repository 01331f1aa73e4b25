"""Claims of a test's own in place of the registry."""

import pytest

from relucvx.theory import registry, verification


@pytest.fixture
def published(monkeypatch):
    """Replace the registry by given claims."""

    def publish(*claims):
        monkeypatch.setattr(registry, "claims", lambda: claims)
        monkeypatch.setattr(verification, "claims", lambda: claims)

    return publish
