"""Editors and type checkers see the package as it is, although its names load on first use."""

import importlib
import os
import re
import rlcompleter
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import relucvx as rx

SCRIPT = """
import numpy as np
import relucvx as rx

X, y = np.ones((3, 2)), [1.0, 2.0, 3.0]
sol = rx.solve(X, y, beta=0.1, bias="all")
problem = rx.make_problem(X, y, 0.1)
reveal_type(sol)
reveal_type(sol.certificate.rel_gap)
reveal_type(rx.certify(sol.network, problem))
reveal_type(rx.train(problem, optimizer=rx.training.Adam(learning_rate=0.01)))
rx.solve(X, y, 0.1, biass="all")
model = rx.ConvexReLURegressor(beta=0.1).fit(X, y)
reveal_type(model)
reveal_type(model.certificate_.lower)
reveal_type(rx.ConvexReLUPathCV(rx.ConvexReLUClassifier(), betas=5).fit(X, y).path_)
rx.ConvexReLUClassifier(width=10)
"""


def test_the_stub_names_what_the_package_has():
    stub = resources.files("relucvx").joinpath("__init__.pyi").read_text()
    named = {line.rsplit(" as ", 1)[1] for line in stub.splitlines() if " as " in line}
    assert named == set(rx.__all__) - {"__version__"}
    for line in stub.splitlines():
        if line.startswith("from relucvx."):
            module, _, name = line.partition(" import ")
            assert rx._PUBLIC[name.partition(" as ")[0]] == module.removeprefix("from ")
    assert resources.files("relucvx").joinpath("py.typed").is_file()


def test_completion_lists_the_doors():
    completer, found = rlcompleter.Completer({"rx": rx}), []
    while (word := completer.complete("rx.", len(found))) is not None:
        found.append(word)
    names = {word.removeprefix("rx.").rstrip("()") for word in found}
    assert {"solve", "certify", "compare", "train", "training", "metrics"} <= names


PARTS = (
    "arrangement", "certificate", "datasets", "estimators", "kernel", "losses", "metrics", "network", "oracle", "program",
    "report", "solver", "sweeps", "theory", "training",
)  # fmt: skip
"""Packages whose public names users type."""


def revealing():
    """(a script that asks a type checker for the type of every public name and of one that is none, the names)."""
    names = [f"rx.{name}" for name in rx.__all__]
    names += [f"relucvx.{part}.{name}" for part in PARTS for name in importlib.import_module(f"relucvx.{part}").__all__]
    head = ["import relucvx as rx", *(f"import relucvx.{part}" for part in PARTS)]
    return "\n".join([*head, *(f"reveal_type({name})" for name in names), "rx.no_such_name", ""]), names


def checked(script, folder):
    """What mypy says of a script."""
    root = Path(rx.__file__).parents[1]
    (folder / "script.py").write_text(script)
    # an editable install is found by Python through a hook, which mypy does not follow
    hint = {} if "site-packages" in root.parts else {"MYPYPATH": str(root)}
    command = [sys.executable, "-m", "mypy", "--strict", "script.py"]
    return subprocess.run(command, cwd=folder, env={**os.environ, **hint}, capture_output=True, text=True).stdout


@pytest.mark.parametrize("part", PARTS)
def test_completion_lists_every_name_of_a_part(part):
    module = importlib.import_module(f"relucvx.{part}")
    assert set(module.__all__) <= set(dir(module))
    assert all(getattr(module, name) is not None for name in module.__all__)


@pytest.mark.slow
def test_a_type_checker_sees_every_public_name(tmp_path):
    pytest.importorskip("mypy")
    script, names = revealing()
    said, lines = checked(script, tmp_path), script.splitlines()
    revealed = re.findall(r"^script\.py:(\d+): note: Revealed type is \"(.*)\"$", said, re.M)
    assert [lines[int(line) - 1] for line, kind in revealed if kind == "Any"] == []
    assert len(revealed) == len(names) > 300
    # a name that does not exist is noticed, so that the others do
    assert len(re.findall(r"^script.py.*has no attribute", said, re.M)) == 1, said
    assert 'has no attribute "no_such_name"' in said


@pytest.mark.slow
def test_a_strict_script_sees_real_types(tmp_path):
    pytest.importorskip("mypy")
    said = checked(SCRIPT, tmp_path)
    for expected in ("relucvx.solution.Solution", '"float"', "Certificate", "Runs", 'did you mean "bias"?'):
        assert expected in said, said
    for expected in ("ConvexReLURegressor", "list[relucvx.solution.Solution]", 'Unexpected keyword argument "width"'):
        assert expected in said, said
    assert not [line for line in said.splitlines() if "has no attribute" in line]
