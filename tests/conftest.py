"""Hypothesis profiles: reproducible by default, HYPOTHESIS_PROFILE=attack draws fresh and many examples."""

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

# Two workers on two cores: more threads inside each only wait for one another, several times slower. Set before numpy loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# and figures are drawn where there is no screen
os.environ.setdefault("MPLBACKEND", "Agg")

_quiet = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
settings.register_profile("default", deadline=None, derandomize=True, suppress_health_check=_quiet)
settings.register_profile("attack", deadline=None, max_examples=3000, suppress_health_check=_quiet)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A shell starts its background jobs with Ctrl-C ignored; the tests that press it need it heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    """Figures of pyplot stay until somebody closes them, which in a notebook is its cell."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
