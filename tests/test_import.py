"""Importing the package is cheap, and its public names are those of the design."""

import subprocess
import sys

import pytest

import relucvx

NAMES = [
    "solve",
    "certify",
    "interpolate",
    "beta_max",
    "beta_path",
    "beta_band",
    "Solution",
    "load",
    "Certificate",
    "enumerate_patterns",
    "sample_patterns",
    "count_patterns",
    "Arrangement",
    "ConvexProgram",
    "Problem",
    "make_problem",
    "recover_network",
    "lift_network",
    "TwoLayerReLU",
    "balance",
    "merge",
    "prune",
    "from_torch",
    "to_torch",
    "compare",
    "Comparison",
    "Status",
    "Scope",
    "RelucvxError",
    "datasets",
]

HEAVY = "('torch', 'cvxpy', 'matplotlib', 'sklearn', 'clarabel', 'mosek')"


def loaded_after(code: str) -> str:
    """Heavy modules in memory after a piece of code in a fresh interpreter."""
    check = f"{code}\nimport sys\nprint(*[m for m in {HEAVY} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_after("import relucvx") == ""


def test_solving_loads_no_statistics():
    check = "import relucvx as rx, sys\nrx.solve([[1.0], [2.0]], [1.0, 2.0], 0.5)\nprint('scipy.stats' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


def test_posing_a_problem_and_counting_patterns_load_nothing_heavy():
    code = "import relucvx as rx, relucvx.cli\nrx.make_problem([[1.0]], [1.0], 1.0)\nrx.enumerate_patterns([[1.0]])"
    assert loaded_after(code) == ""


def test_the_check_sees_a_heavy_import():
    assert loaded_after("import clarabel") == "clarabel"


@pytest.mark.parametrize("name", NAMES)
def test_public_names_resolve(name):
    assert name in relucvx.__all__
    assert getattr(relucvx, name) is not None
    assert name in dir(relucvx)


def test_every_listed_name_resolves():
    for name in relucvx.__all__:
        assert getattr(relucvx, name) is not None


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"no attribute 'sovle'; public names: .*solve"):
        relucvx.sovle  # noqa: B018


def test_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert relucvx.__version__ == version("relucvx")


def test_the_doors_load_no_part_of_scipy():
    """Where nothing is compiled numba asks for its linear algebra, so nothing is called here."""
    code = (
        "import relucvx as rx, sys\nrx.make_problem([[1.0], [2.0]], [1.0, 2.0], 0.5)\n"
        "rx.solve, rx.certify, rx.enumerate_patterns\n"
        "print(*[m for m in ('optimize', 'sparse', 'linalg', 'special', 'stats') if f'scipy.{m}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
