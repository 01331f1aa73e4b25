"""Plugin of pytest: runs a session with the fault that the environment names."""

import os

from sabotage.table import BY_NAME


def pytest_configure(config):
    name = os.environ.get("RELUCVX_FAULT", "")
    if name:
        fault = BY_NAME[name].injected()
        fault.__enter__()
        config.add_cleanup(lambda: fault.__exit__(None, None, None))
