"""Next steps that errors print can be taken: in Python by Python's words, at the prompt by the command line's."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from command_line import run

import relucvx as rx
from relucvx import datasets, metrics
from relucvx.cli.advice import in_words_of, translated
from relucvx.cli.frame import app
from relucvx.errors import InvalidInputError, RelucvxError, explain
from relucvx.program import conventions

ROOT = Path(rx.__file__).parent
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(12, 3)), rng.normal(size=12)


# ---------------------------------------------------------------------- every literal
def literals():
    """Every text that is handed to ``explain`` as the next step, with its place."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "explain":
                fix = (
                    node.args[3]
                    if len(node.args) > 3
                    else next((k.value for k in node.keywords if k.arg == "fix"), None)
                )
                for part in ast.walk(fix) if fix is not None else ():
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
                        yield f"{file.relative_to(ROOT)}:{node.lineno}", part.value


def arguments():
    """Names of all arguments in the package."""
    found = set()
    for file in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.arg):
                found.add(node.arg)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
    return found


def options():
    """All options of the command line."""
    import typer

    commands = typer.main.get_command(app).commands.values()
    return {name for c in commands for p in c.params for name in (*p.opts, *p.secondary_opts)}


def resolves(dotted):
    """Whether relucvx.a.b names something."""
    thing = rx
    for name in dotted.split(".")[1:]:
        if not hasattr(thing, name):
            return False
        thing = getattr(thing, name)
    return True


ARGUMENTS, OPTIONS = arguments(), options()


@pytest.mark.parametrize(("place", "text"), list(literals()), ids=lambda v: v[:60])
def test_what_a_step_names_exists(place, text):
    assert "…)" not in text or "Python" in text, "a call that cannot be typed as it stands"
    for dotted in re.findall(r"\brelucvx(?:\.[A-Za-z_]+)+", text):
        assert resolves(dotted), (place, dotted)
    for name in re.findall(r"(?<![\w.\"'(])([a-z_]+)=(?!=)", text):
        assert name in ARGUMENTS | {"axis", "keepdims"}, (place, name)
    for name in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
        assert name in OPTIONS | {"--upgrade"}, (place, name)


def test_literals_are_found():
    assert len(list(literals())) > 150


# ---------------------------------------------------------------------- in Python
def run_to_the_end(out):
    """Generators check what they are given when they start."""
    return list(out) if isinstance(out, Iterator) else out


def fails(call, **given):
    """The next step of a call that must fail."""
    with pytest.raises(RelucvxError) as caught:
        run_to_the_end(call(**given))
    assert caught.value.explanation is not None
    return caught.value.explanation.fix


NETWORK = rx.TwoLayerReLU(np.ones((1, 3)), np.ones(1), activation=(0.1, 2.0))
BIASED = rx.TwoLayerReLU(np.ones((1, 3)), np.ones(1), bias_in=np.ones(1), bias_out=np.ones(1))
TASK = {"X": X, "Y": Y, "beta": 0.5}

KEYWORDS = [
    (rx.make_problem, {**TASK, "loss": "mse"}),
    (rx.make_problem, {**TASK, "activation": "tanh"}),
    (rx.make_problem, {**TASK, "activation": (0.0, 0.0)}),
    (rx.make_problem, {**TASK, "bias": "both"}),
    (rx.make_problem, {**TASK, "loss": "logistic"}),
    (rx.make_problem, {**TASK, "loss": "cross_entropy"}),
    (rx.make_problem, {"X": X, "Y": np.ones(12), "beta": 1.0, "loss": "logistic", "bias": "free"}),
    (rx.sample_patterns, {"X": X, "n_patterns": 0}),
    (rx.sample_patterns, {"X": X, "n_patterns": 3, "rng": -1}),
    (rx.enumerate_patterns, {"X": X, "max_patterns": 0}),
    (rx.beta_path, {"X": X, "Y": Y, "betas": 2.0, "time_limit": 5.0}),
    (rx.solve, {**TASK, "tol": -1.0}),
    (rx.solve, {**TASK, "time_limit": "long"}),
    (rx.certify, {**TASK, "network": NETWORK, "activation": "relu"}),
    (rx.certify, {**TASK, "network": BIASED}),
    (rx.train, {**TASK, "optimizer": "newton", "max_steps": 2, "width": 2}),
    (rx.train, {**TASK, "dtype": "int8", "max_steps": 2, "width": 2}),
    (rx.train, {**TASK, "seeds": 3, "max_steps": 2, "width": 2}),
    (rx.train, {**TASK, "seeds": [], "max_steps": 2, "width": 2}),
    (metrics.cka, {"Z1": X, "Z2": X, "bandwidth": 2.0}),
    (metrics.two_nn, {"Z": rng.normal(size=(30, 2)), "confidence": 95}),
    (metrics.folding, {"module": NETWORK, "start": X[0], "end": X[1], "method": "sampled", "arithmetic": "rational"}),
    (metrics.slice_regions, {"module": NETWORK, "origin": X[0], "axes": np.eye(3)[:2], "extent": 3}),
    (conventions.from_torch_weight_decay, {"weight_decay": 0.1, "n": 3, "reduction": "none"}),
    (conventions.from_torch_weight_decay, {"weight_decay": 0.1, "n": 3, "halved": "no"}),
]
"""Calls whose error says which keyword argument to give."""


def typed(text):
    """The keyword arguments that a step names first, as values."""
    found = re.match(r"""([a-z_]+)=("[^"]*"|'[^']*'|\([^()]*\)|\[[^\]]*\]|[a-z]+\(\d+\)|[-+.\w]+)""", text)
    assert found, text
    return {found[1]: eval(found[2], {"range": range})}


@pytest.mark.parametrize(("call", "given"), KEYWORDS, ids=lambda v: getattr(v, "__name__", "") or "")
def test_keyword_arguments_that_are_advised_work(call, given):
    step = typed(fails(call, **given))
    out = call(**{**given, **step})
    assert out is not None
    if isinstance(out, Iterator):
        next(out)


LINES = [
    ({"X": X[:, 0]}, lambda X: rx.make_problem(X, Y, 0.5)),
    ({"X": X.astype(object)}, lambda X: rx.make_problem(X, Y, 0.5)),
    ({"X": X.astype(str)}, lambda X: rx.make_problem(X, Y, 0.5)),
    (
        {"X": np.arange("2020-01-01", "2020-01-13", dtype="datetime64[D]")[:, None]},
        lambda X: rx.make_problem(X, Y, 0.5),
    ),
    ({"X": np.array([(1.0, 2)] * 12, dtype=[("a", float), ("b", int)])}, lambda X: rx.make_problem(X, Y, 0.5)),
    ({"X": X + 1j}, lambda X: rx.make_problem(X, Y, 0.5)),
    ({"X": {"a": X[:, 0], "b": X[:, 1]}}, lambda X: rx.make_problem(X, Y, 0.5)),
    ({"X": (row for row in X)}, lambda X: rx.make_problem(X, Y, 0.5)),
    ({"X": X * 1e60}, lambda X: rx.make_problem(X, Y, 0.5)),
    ({"y": np.where(Y > 0, 1.0, 0.0)}, lambda y: rx.make_problem(X, y, 0.5, loss="logistic")),
    ({"y": np.where(Y > 0, 5.0, 3.0)}, lambda y: rx.make_problem(X, y, 0.5, loss="hinge")),
    ({"labels": np.eye(3)[np.arange(12) % 3]}, lambda labels: metrics.neural_collapse(X, labels)),
    ({"labels": (np.arange(12) % 3)[:, None]}, lambda labels: metrics.neural_collapse(X, labels)),
    ({"labels": [1, "1", 2] * 4}, lambda labels: metrics.neural_collapse(X, labels)),
    ({"Y": [1, "a", 2] * 4}, lambda Y: rx.make_problem(X, Y, 0.5, loss="cross_entropy")),
]
"""Values whose error says what to make of them."""


@pytest.mark.parametrize(
    ("names", "call"), LINES, ids=[f"{next(iter(names))} {k}" for k, (names, _) in enumerate(LINES)]
)
def test_values_that_are_advised_work(names, call):
    (name, value), namespace = next(iter(names.items())), {"numpy": np, **names}
    step = fails(lambda: call(value)).split(" (and ")[0].split(", if ")[0].split(", or ")[0]
    step = re.sub(r" for (?!\w+ in ).*$", "", step)  # "for a single feature", but no comprehension
    if step.startswith("list("):
        namespace[name] = iter(X)
    import numpy.lib.recfunctions  # noqa: F401

    if re.match(r"\w+ = ", step):
        exec(step, namespace)
        call(namespace[name])
    else:
        call(eval(step, namespace))


def test_a_call_in_place_of_a_minimum_that_does_not_exist():
    names = {"K_X": X @ X.T, "K_Y": np.outer(Y, Y), "beta": 0.5, "H": X, "relucvx": rx}
    step = fails(lambda: rx.kernel.minimize_energy(names["K_X"], Y, 0.5, activation="threshold")).split(" for ")[0]
    assert step.startswith("relucvx.kernel.energy(")
    assert np.isfinite(float(eval(step, names)))


def test_missing_rows_can_be_dropped_as_advised():
    for value, namespace in ((np.where(X > 2, np.nan, X), "X"), (np.where(Y > 1, np.nan, Y), "Y")):
        call = (lambda v: rx.make_problem(v, Y, 0.5)) if namespace == "X" else (lambda v: rx.make_problem(X, v, 0.5))
        if not np.isnan(value).any():
            value.flat[0] = np.nan
        step = fails(lambda v=value, c=call: c(v))
        kept = eval(step.split("e.g. ")[1], {"numpy": np, namespace: value})
        assert np.isfinite(kept).all()
        assert 0 < len(kept) < len(value)


def test_sparse_matrices_need_no_advice_while_they_fit():
    rx.make_problem(scipy.sparse.random(12, 3, 0.5, random_state=0), Y, 0.5)
    step = fails(rx.make_problem, X=scipy.sparse.csr_matrix((10**7, 10**6)), Y=Y, beta=0.5)
    assert "TruncatedSVD(50).fit_transform(X)" in step
    from sklearn.decomposition import TruncatedSVD

    rx.make_problem(TruncatedSVD(2).fit_transform(scipy.sparse.random(12, 5, 0.5, random_state=0)), Y, 0.5)


def test_every_name_of_an_activation_that_we_print_is_understood():
    for slopes in ((0.1, 1.0), (0.1, 2.0), (1 / 3, 2 / 7), (-1e-30, 1e10), (0.0, 1.0)):
        known = rx.make_problem(X, Y, 0.5, activation=slopes).activation
        assert rx.make_problem(X, Y, 0.5, activation=known.name).activation == known
        assert rx.DeepNetwork([np.ones((1, 1))] * 2, activation=known.name).activation == known
    for name in ("piecewise(a,1)", "piecewise(1)", "piecewise(0,0)", "piecewise(nan,1)"):
        with pytest.raises(InvalidInputError):
            rx.make_problem(X, Y, 0.5, activation=name)


def test_an_optimal_set_does_not_repeat_the_advice_that_was_followed():
    sol = rx.solve(X, Y, 0.5, time_limit=20.0)
    loose = fails(lambda: rx.optimal_set(_with(sol, rel_gap=0.5)))
    assert "tol=1e-10, start=solution" in loose
    tight = fails(lambda: rx.optimal_set(_with(sol, rel_gap=0.5, tolerances={"tol": 1e-10})))
    assert "tol=1e-10" not in tight


def _with(sol, **changes):
    import dataclasses

    return dataclasses.replace(sol, certificate=dataclasses.replace(sol.certificate, **changes))


# ---------------------------------------------------------------------- at the prompt
NAMES = ["--loss", "--bias", "--tol", "--time-limit", "--activation", "--standardize", "--no-standardize", "--columns"]


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("time_limit=60 (seconds), or None", "--time-limit 60 (seconds), or None"),
        ('bias="all", which decays the output bias', "--bias all, which decays the output bias"),
        ("activation='piecewise(0.1,1)' in the problem", "--activation 'piecewise(0.1,1)' in the problem"),
        ('activation="relu" or activation=(0.1, 1.0)', "--activation relu or --activation 0.1,1.0"),
        ("standardize=False", "--no-standardize"),
        ('loss="squared" for regression', "--loss squared for regression"),
        ("n_jobs=2", "in Python: n_jobs=2"),
        (
            "relucvx.solve(solution.problem, tol=1e-10, start=solution)",
            "in Python: relucvx.solve(solution.problem, tol=1e-10, start=solution)",
        ),
        ("y = 2*y - 1", "in Python: y = 2*y - 1"),
        ("drop those rows", "drop those rows"),
        ("mkdir -p out", "mkdir -p out"),
        ("--beta 1", "--beta 1"),
    ],
)
def test_translation(python, shell):
    assert translated(explain("a", "b", "", python), NAMES) == shell
    assert in_words_of(InvalidInputError(explain("a", "b", "c", python)), NAMES).endswith(
        f"likely cause: c; try: {shell}."
    )
    assert in_words_of(InvalidInputError("plain"), NAMES) == "plain"


AT_THE_PROMPT = [
    ("solve", "iris", "--samples", "12", "--one-vs-rest", "0", "--loss", "mse"),
    ("solve", "iris", "--samples", "12", "--one-vs-rest", "0", "--activation", "tanh"),
    ("solve", "iris", "--samples", "12", "--one-vs-rest", "0", "--activation", "0,0"),
    ("solve", "iris", "--samples", "12", "--one-vs-rest", "0", "--bias", "both"),
    ("solve", "iris", "--samples", "12", "--one-vs-rest", "0", "--tol", "0"),
    ("solve", "iris", "--samples", "12", "--one-vs-rest", "0", "--time-limit", "0"),
    ("solve", "diabetes", "--samples", "12", "--components", "2", "--loss", "logistic"),
    ("solve", "iris", "--samples", "12", "--one-vs-rest", "0", "--beta-fraction", "0"),
    ("train", "iris", "--samples", "12", "--optimizer", "newton", "--seeds", "1", "--max-steps", "2"),
    ("path", "iris", "--samples", "12", "--one-vs-rest", "0", "--count", "2", "--smallest", "0"),
    ("compare", "iris", "--samples", "12", "--one-vs-rest", "0", "--seeds", "1", "--reach", "0", "--max-steps", "2"),
]
"""Commands that fail, and whose error names the option to give."""


@pytest.mark.parametrize("command", AT_THE_PROMPT, ids=" ".join)
def test_options_that_are_advised_work(command):
    code, _, err = run(*command)
    assert code == 1, err
    step = re.search(r"try: .*?(--[a-z-]+) ('[^']*'|\S+)", err)
    assert step, err
    name, value = step[1], step[2].strip("'").rstrip(".,;")
    again = list(command)
    if name in again:
        again[again.index(name) + 1] = value
    else:
        again += [name, value]
    code, _, err = run(*again)
    assert code in (0, 2), (again, err)


def test_other_words_of_the_prompt(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,kind\n" + "1,2,x\n2,1,y\n3,3,x\n1,1,y\n" * 2)
    assert run("solve", tmp_path / "t.csv", "--target", "kind")[0] == 0  # classes are recognised
    code, _, err = run("solve", tmp_path / "t.csv", "--target", "kind", "--no-classes")
    assert code == 1
    assert "--loss cross_entropy" in err
    assert "classes=True" not in err
    assert run("solve", tmp_path / "t.csv", "--target", "kind", "--loss", "cross_entropy")[0] == 0
    code, _, err = run("patterns", "planted:300x12")
    assert code == 1
    assert "--sample 1000" in err
    assert "sample_patterns" not in err
    assert run("patterns", "planted:300x12", "--sample", "1000")[0] == 0


def test_no_error_of_the_prompt_speaks_python_as_if_it_were_an_option():
    for command in AT_THE_PROMPT:
        err = run(*command)[2]
        step = err.split("try: ")[-1]
        assert not re.search(r"\b[a-z_]+=", step), err


def test_modules_load():
    names = [m.name for m in pkgutil.iter_modules([str(ROOT / "cli")])]
    assert "advice" in names
    importlib.import_module("relucvx.cli.advice")
    assert datasets.available()
