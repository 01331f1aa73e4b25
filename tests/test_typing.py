"""Editors and type checkers see the package as it is, although its names load on first use."""

import os
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


@pytest.mark.slow
def test_a_strict_script_sees_real_types(tmp_path):
    pytest.importorskip("mypy")
    # and every public name, of which none is unknown or anything at all
    names = "".join(f"rx.{name}\n" for name in rx.__all__)
    (tmp_path / "script.py").write_text(SCRIPT + names)
    root = Path(rx.__file__).parents[1]
    # an editable install is found by Python through a hook, which mypy does not follow
    hint = {} if "site-packages" in root.parts else {"MYPYPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "script.py"], cwd=tmp_path, env={**os.environ, **hint},
        capture_output=True, text=True,
    )  # fmt: skip
    for expected in ("relucvx.solution.Solution", '"float"', "Certificate", "Runs", 'did you mean "bias"?'):
        assert expected in done.stdout, done.stdout
    for expected in ("ConvexReLURegressor", "list[relucvx.solution.Solution]", 'Unexpected keyword argument "width"'):
        assert expected in done.stdout, done.stdout
    assert not [line for line in done.stdout.splitlines() if "has no attribute" in line]
