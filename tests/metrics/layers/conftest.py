"""The profile of a small network, made once."""

import pytest
from metrics.layers.cases import EXACT, FACTORS, LABELS, NET, X

from relucvx import metrics as m


@pytest.fixture(scope="module")
def frame():
    return m.profile(NET, X, LABELS, factors=FACTORS, **EXACT)
