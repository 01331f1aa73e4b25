"""The tree is the theory: imports go downwards only, heavy packages load lazily, and modules stay readable.

Each name may import the layers below its own, never its own siblings or anything above; the foundation alone may import itself.
"""

import ast
import functools
import importlib
import re
import sys
from pathlib import Path

import pytest

import relucvx
from relucvx.losses import EXACT_PENALTY, LOSSES
from relucvx.types import Bias

ROOT = Path(relucvx.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

MODULES = {".".join(f.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__") for f in FILES}

LAYERS = (
    (
        "errors",
        "tolerances",
        "types",
        "references",
        "glossary",
        "conversion",
        "labels",
        "later",
        "markup",
        "progress",
        "validation",
        "archive",
        "deadline",
        "machine_code",
        "kernel_cache",
        "compiled",
        "threads",
        "executors",
        "interrupts",
        "limits",
        "results",
        "records",
    ),
    ("network",),
    ("arrangement", "metrics", "kernel"),
    ("datasets",),
    ("losses",),
    ("program",),
    ("oracle",),
    ("solver", "certificate"),
    ("solution",),
    ("band", "path", "prediction"),
    ("_api",),
    ("warmup",),
    ("training",),
    ("theory",),
    ("report", "sweeps"),
    ("cli", "estimators"),
    ("citing",),
    ("__main__",),
)
"""From the bottom up. Parts of one layer do not see each other, except inside the foundation."""

FOUNDATION = LAYERS[0]
LAZY = (
    "torch",
    "cvxpy",
    "matplotlib",
    "sklearn",
    "clarabel",
    "scs",
    "mosek",
    "joblib",
    "pandas",
    "dask",
    "distributed",
    "pyarrow",
    "h5py",
)
"""Never imported while a module loads."""

LOADED_LATE = (
    "relucvx.training",
    "relucvx.metrics.regions.segments.switches",
    "relucvx.network.torch.",
    *(
        f"relucvx.metrics.layers.{m}"
        for m in (
            "attention",
            "bends",
            "counting",
            "hooks",
            "inputs",
            "profile_figure",
            "torch_records",
            "truncated",
            "watching",
        )
    ),
    "relucvx.network.running.",
    "relucvx.metrics.regions.segments.running_lines",
    "relucvx.metrics.regions.polygons.running_maps",
    "relucvx.metrics.regions.polygons.running_slices",
    "relucvx.metrics.regions.polygons.slice_plot",
    "relucvx.estimators",
)
"""Modules that are there for torch, matplotlib or scikit-learn alone, which stands at their top:
others import them when they run."""

AT_THE_TOP = ("torch", "matplotlib", "sklearn", "joblib")
"""What these modules may import while they load."""

CHECKER = ROOT / "certificate" / "check_proof.py"
"""One file on the standard library, whoever has a proof: it knows nothing of the package, and the package asks it."""

LONGEST, LONGEST_CHECKER = 400, 512
"""Lines of the longest module allowed, and of the checker, which has to be one."""

CROWDED, CROWDED_TOP = 26, 30
"""Modules in a folder before it gets wings, and beside the folders of the package. They only fall."""


@functools.cache
def parsed(source: str) -> ast.Module:
    """The tree of a source, which a dozen rules read."""
    return ast.parse(source)


@functools.cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """All nodes of a source."""
    return tuple(ast.walk(parsed(source)))


def rank(part: str) -> int:
    """Layer of a part of the package, from the bottom."""
    for k, names in enumerate(LAYERS):
        if part in names:
            return k
    raise KeyError(f"{part} has no place in LAYERS")


def part_of(module: str) -> str:
    """``relucvx.solver.conic`` belongs to ``solver``; the package itself holds only names and is "relucvx"."""
    words = module.split(".")
    return words[1] if len(words) > 1 else words[0]


def imports_of(source: str, module: str) -> list[tuple[str, bool]]:
    """(imported module, whether while loading) for every import in a source, relative ones resolved."""
    delayed: set[ast.AST] = set()
    for node in nodes(source):
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if checking or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            delayed.update(inner for inner in ast.walk(node) if inner is not node)
    found = []
    for node in nodes(source):
        if isinstance(node, ast.Import):
            found += [(alias.name, node not in delayed) for alias in node.names]
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "later" and isinstance(node.args[0], ast.Constant):
            found.append((str(node.args[0].value), False))
        if isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: -node.level]) if node.level else ""
            name = ".".join(word for word in (base, node.module) if word)
            # `from package import x` may name a module or a value; modules are what matters here
            inner = [f"{name}.{alias.name}" for alias in node.names]
            names = inner if name == "relucvx" else [n if n in MODULES else name for n in inner]
            found += [(name, node not in delayed) for name in dict.fromkeys(names)]
    return found


def violations(source: str, module: str) -> list[str]:
    """What a module's imports break, in words."""
    out = []
    here = part_of(module)
    for name, loading in imports_of(source, module):
        if loading and not module.startswith(LOADED_LATE):
            if name.split(".")[0] in LAZY or (name.startswith(LOADED_LATE) and name != module):
                out.append(f"{module} imports {name} while it loads")
        elif loading and name.split(".")[0] in LAZY and name.split(".")[0] not in AT_THE_TOP:
            out.append(f"{module} imports {name} while it loads")
        if name.split(".")[0] != "relucvx":
            continue
        there = part_of(name)
        public = name.count(".") == 1 and there in {*relucvx.__all__, "__version__", "relucvx"}
        if public and not (ROOT / there).is_dir():
            # a public name of the package stands for the module it comes from
            there = part_of(relucvx._PUBLIC.get(there, "relucvx"))
        if there in (here, "relucvx"):
            continue
        below = rank(there) < rank(here) or (here in FOUNDATION and there in FOUNDATION)
        if not below:
            out.append(f"{module} imports {name}, which is not below it")
    return out


def module_name(file: Path) -> str:
    """Dotted name of a file of the package."""
    words = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_go_downwards_and_heavy_ones_are_lazy(file):
    assert violations(file.read_text(), module_name(file)) == []


def pictured(page: str) -> list[set[str]]:
    """The layers above the foundation that a page pictures, from the bottom up."""
    block = page.split("## Import order")[1].split("```text\n")[1].split("\nfoundation")[0]
    return [set(re.findall(r"\w+", line.split("(")[0])) for line in reversed(block.splitlines())]


def test_the_picture_of_the_order_is_the_order():
    page = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text()
    assert pictured(page) == [set(names) for names in LAYERS[1:-1]]
    assert pictured("## Import order\n```text\nb │ c  (twins)\na\nfoundation\n```") == [{"a"}, {"b", "c"}]


def test_every_part_has_a_layer():
    for file in FILES:
        part = part_of(module_name(file))
        assert part == "relucvx" or rank(part) >= 0


LOSS_NAMES = frozenset((*LOSSES, EXACT_PENALTY.name))


def losses_by_name(source: str) -> list[str]:
    """Places that ask which loss it is, instead of asking the loss: its name used for anything but printing and saving.

    Printed and saved means inside an f-string, or as the entry "loss" of a dict. Comparisons with a loss's name, and tables
    of losses by name, ask as well; so do imports of a particular loss, and asking of which class a loss is.
    """
    shown: set[ast.AST] = set()
    for node in nodes(source):
        if isinstance(node, ast.JoinedStr):
            shown.update(ast.walk(node))
        if isinstance(node, ast.Dict):
            entries = zip(node.keys, node.values, strict=True)
            shown.update(v for k, v in entries if isinstance(k, ast.Constant) and k.value == "loss")
    out = []
    for node in nodes(source):
        if isinstance(node, ast.Attribute) and node.attr == "name" and node not in shown:
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            out += [ast.unparse(node)] * (owner in ("loss", "EXACT_PENALTY"))
        listed = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        known = [k.value for k in listed if isinstance(k, ast.Constant) and isinstance(k.value, str)]
        compared = isinstance(node, ast.Compare) and any(isinstance(c, ast.Constant) for c in node.comparators)
        named = [c.value for c in getattr(node, "comparators", []) if isinstance(c, ast.Constant)] if compared else []
        if len(LOSS_NAMES.intersection(known)) > 1 or any(isinstance(n, str) and n in LOSS_NAMES for n in named):
            out.append(ast.unparse(node))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("relucvx.losses."):
            out.append(ast.unparse(node))
        asked = isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "type") and node.args
        if asked and ast.unparse(node.args[0]).split(".")[-1] == "loss":
            out.append(ast.unparse(node))
    return out


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_nobody_asks_a_loss_for_its_name(file):
    if module_name(file).startswith("relucvx.theory.chapters") or file == CHECKER:
        return  # second opinions write every loss out, so as not to ask the losses about themselves
    if part_of(module_name(file)) != "losses":
        assert losses_by_name(file.read_text()) == []


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ('if problem.loss.name == "squared":\n    pass', True),
        ("name = self.problem.loss.name", True),
        ('if name in ("huber", "absolute"):\n    pass', True),
        ('modulus = {"squared": 1.0, "logistic": 4.0}[loss]', True),
        ('if loss == "cross_entropy":\n    pass', True),
        ("from relucvx.losses.squared import Squared", True),
        ("message = f'the {problem.loss.name} loss'", False),
        ('meta = {"loss": p.loss.name, "bias": p.bias}', False),
        ("from relucvx.losses import Loss, as_loss", False),
        ('solve(X, y, loss="huber")', False),
        ("if isinstance(problem.loss, Huber):\n    pass", True),
        ("faces = FACES[type(loss)]", True),
        ("if isinstance(problem, Problem):\n    pass", False),
    ],
)
def test_the_rule_about_names_of_losses_can_fail(source, asks):
    assert bool(losses_by_name(source)) is asks


Bias = frozenset(Bias)


def bias_modes_by_name(source: str) -> list[str]:
    """Places that compare a bias mode with a string, or look one up in a table, instead of asking it what it means.

    A mode is whatever is called a bias or a mode; strings are single or listed.
    """
    out = []
    for node in nodes(source):
        if isinstance(node, ast.Compare):
            asked, answers = [node.left, *node.comparators], [node.left, *node.comparators]
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
            asked, answers = [node.slice], [key for key in node.value.keys if key is not None]
        elif isinstance(node, ast.Match):
            asked = [node.subject]
            answers = [p.value for case in node.cases for p in ast.walk(case.pattern) if isinstance(p, ast.MatchValue)]
        else:
            continue
        strings = {c.value for a in answers for c in ast.walk(a) if isinstance(c, ast.Constant)}
        # a name, an attribute or the key of an entry; what is inside an answer is no question
        words = {
            str(getattr(n, "id", getattr(n, "attr", getattr(n, "value", ""))))
            for a in asked
            if not isinstance(a, (ast.Tuple, ast.List, ast.Set))
            for n in ast.walk(a)
        }
        if Bias & strings and any(word == "mode" or "bias" in word for word in words):
            out.append(ast.unparse(node))
    return out


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_nobody_compares_a_bias_mode_with_a_string(file):
    if file not in (ROOT / "types.py", CHECKER):
        assert bias_modes_by_name(file.read_text()) == []


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ('if problem.bias == "none":\n    pass', True),
        ('has_bias = self.problem.bias in ("all", "free")', True),
        ('if "free" != bias:\n    pass', True),
        ('shift = x if str(instance["bias"]) == "all" else 0', True),
        ('start = mode not in {"none", "hidden"}', True),
        ('decay = {"all": 1.0, "free": 0.0}[problem.bias]', True),
        ('match bias:\n    case "all" | "free":\n        pass', True),
        ("if problem.bias.has_output:\n    pass", False),
        ('if color == "none":\n    pass', False),
        ('solve(X, y, bias="all")', False),
        ('options = {"bias": bias or "none"}', False),
        ("same = first.bias == second.bias", False),
    ],
)
def test_the_rule_about_bias_modes_can_fail(source, asks):
    assert bool(bias_modes_by_name(source)) is asks


def backend_calls(source: str) -> list[str]:
    """Calls of a conic backend: CVXPY's ``solve`` with a solver named, or CLARABEL's solver and its settings."""
    calls = [node for node in nodes(source) if isinstance(node, ast.Call)]
    return [
        ast.unparse(call)
        for call in calls
        if (
            ast.unparse(call.func).endswith(".solve")
            and ast.unparse(call.func) != "rx.solve"
            and any(k.arg == "solver" for k in call.keywords)
        )
        or ast.unparse(call.func).split(".")[-1] in ("DefaultSolver", "DefaultSettings")
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_conic_backends_are_called_in_one_place(file):
    """Except for second opinions of theory, which take a backend's defaults and nothing from what they judge."""
    if file != ROOT / "program" / "backend.py" and part_of(module_name(file)) != "theory":
        assert backend_calls(file.read_text()) == []


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("cvx.solve(solver='SCS', eps=1e-9)", 1),
        ("clarabel.DefaultSolver(P, q, A, b, cones, clarabel.DefaultSettings()).solve()", 2),
        ("solve(cvx, CLARABEL, options(CLARABEL, 1e-9, None, 0))", 0),
        ("rx.solve(X, y, beta=1.0, solver='conic')", 0),
    ],
)
def test_the_rule_about_backends_can_fail(source, calls):
    assert len(backend_calls(source)) == calls


def private_imports(source: str) -> list[str]:
    """Private names of other modules that a source imports; a private module is its folder's, and may be."""
    found = [node for node in nodes(source) if isinstance(node, ast.ImportFrom)]
    return [
        f"{node.module}.{alias.name}"
        for node in found
        for alias in node.names
        if re.match("_[a-z]", alias.name)
        and (node.module or "").startswith("relucvx")
        and not (ROOT.parent / Path(*node.module.split("."), f"{alias.name}.py")).exists()
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_nobody_imports_a_private_name(file):
    assert private_imports(file.read_text()) == []


def test_the_rule_about_private_names_can_fail():
    assert private_imports("from relucvx.network.two_layer import TwoLayerReLU, _bias") == [
        "relucvx.network.two_layer._bias"
    ]
    assert private_imports("from relucvx.arrangement import _kernels\nfrom relucvx import __version__") == []


def test_the_certificate_does_not_know_the_solver():
    for file in (ROOT / "certificate").rglob("*.py"):
        assert not [name for name, _ in imports_of(file.read_text(), module_name(file)) if "solver" in name]


def compiles_on_its_own(source: str) -> bool:
    """Whether a source imports numba."""
    return any(name.split(".")[0] == "numba" for name, _ in imports_of(source, "relucvx.x"))


def test_kernels_are_compiled_in_one_way():
    """numba's own cache misses an edited callee, so every kernel goes through `compiled`, and that through `machine_code`."""
    assert [f.name for f in FILES if compiles_on_its_own(f.read_text())] == [
        "compiled.py",
        "kernel_cache.py",
        "machine_code.py",
    ]
    assert compiles_on_its_own("def f():\n    from numba import njit")


@pytest.mark.parametrize(
    ("source", "module", "complaint"),
    [
        ("import relucvx.solver", "relucvx.certificate.x", "not below it"),
        ("from relucvx.certificate import Certificate", "relucvx.solver.x", "not below it"),
        ("from relucvx.kernel import gram", "relucvx.metrics.x", "not below it"),
        ("def f():\n    from relucvx.solver import solve_problem", "relucvx.certificate.x", "not below it"),
        ("from relucvx import solve", "relucvx.program.x", "not below it"),
        ("from relucvx import solver", "relucvx.program.x", "not below it"),
        ("from ..solver import active_set", "relucvx.certificate.x", "not below it"),
        ("from relucvx._api.solving import solve", "relucvx.solution", "not below it"),
        ("from relucvx.types import Array", "relucvx.errors", None),
        ("from relucvx.network import balance", "relucvx.errors", "not below it"),
        ("import torch", "relucvx.network.x", "while it loads"),
        ("try:\n    import cvxpy.error\nexcept ImportError:\n    pass", "relucvx.program.x", "while it loads"),
        ("class A:\n    from sklearn import base", "relucvx.program.x", "while it loads"),
        ("def f():\n    import torch", "relucvx.network.x", None),
        ("import torch", "relucvx.network.torch.graph", None),
        ("import cvxpy", "relucvx.network.torch.graph", "while it loads"),
        ("from sklearn.base import BaseEstimator", "relucvx.estimators.x", None),
        ("from relucvx.network.torch.graph import trace", "relucvx.network.reading", "while it loads"),
        ("from relucvx.network.torch import graph", "relucvx.network.reading", "while it loads"),
        ("from relucvx.network.torch.graph import trace", "relucvx.network.torch.reading", None),
        ("from relucvx.training import Runs", "relucvx.report.x", "while it loads"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import cvxpy", "relucvx.program.x", None),
        ("from relucvx.oracle import dual_norm", "relucvx.solver.x", None),
        ("cp = later('cvxpy')", "relucvx.program.x", None),
        ("solver = later('relucvx.solver.conic')", "relucvx.certificate.x", "not below it"),
        ("from relucvx.cli.input import Source", "relucvx.cli", None),
    ],
)
def test_the_checker_can_fail(source, module, complaint):
    found = violations(source, module)
    assert (len(found) == 1 and complaint in found[0]) if complaint else found == []


def test_a_module_without_a_layer_is_an_error():
    with pytest.raises(KeyError, match="utils has no place"):
        violations("from relucvx.utils import helper", "relucvx.solver.x")


def test_modules_stay_short():
    lengths = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in FILES}
    assert lengths.pop(str(CHECKER.relative_to(ROOT))) <= LONGEST_CHECKER
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}


def test_folders_can_be_read_at_a_glance():
    numbers = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in {f.parent for f in FILES}}
    assert numbers.pop(".") <= CROWDED_TOP
    assert {name: n for name, n in numbers.items() if n > CROWDED} == {}


DOORS = [f for f in FILES if f.parent.name in ("report", "estimators", "_api")]
"""Where calls of users come in."""


def early_clocks(source: str) -> list[str]:
    """Deadlines that begin to run before what the work needs is compiled, which takes longer than most limits."""
    calls = [node for node in nodes(source) if isinstance(node, ast.Call)]
    made = [call for call in calls if ast.unparse(call.func) in ("Deadline", "Deadline.of")]
    return [ast.unparse(call) for call in made if "limit" in ast.unparse(call)]


@pytest.mark.parametrize("file", DOORS, ids=lambda f: str(f.relative_to(ROOT)))
def test_clocks_start_when_all_is_compiled(file):
    assert early_clocks(file.read_text()) == [], "relucvx.oracle.clock starts them"


def test_the_check_of_clocks_can_fail():
    assert early_clocks(
        "a = Deadline.of(time_limit)\nb = Deadline(as_positive(time_limit, 'x'))\nc = clock(time_limit)"
    ) == [
        "Deadline.of(time_limit)",
        "Deadline(as_positive(time_limit, 'x'))",
    ]


def foreign_imports(source: str) -> list[str]:
    """What a source imports that does not come with Python."""
    return [name for name, _ in imports_of(source, "x") if name.split(".")[0] not in sys.stdlib_module_names]


def test_the_checker_of_proofs_needs_python_alone():
    assert foreign_imports(CHECKER.read_text()) == []
    assert foreign_imports("import numpy as np") == ["numpy"]
    assert foreign_imports("def f():\n    from relucvx.types import Array") == ["relucvx.types"]
    assert foreign_imports("from . import proof") == [""]


def undocumented(source: str) -> list[str]:
    """Public functions and classes at the top level, and public methods, without a docstring."""
    out = []
    for node in parsed(source).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        inner = node.body if isinstance(node, ast.ClassDef) else []
        members = [m for m in inner if isinstance(m, ast.FunctionDef) and not m.name.startswith("_")]
        # the signatures of typing.overload stand for the documented function below them
        defined = [d for d in (node, *members) if "overload" not in map(ast.unparse, d.decorator_list)]
        out += [d.name for d in defined if not ast.get_docstring(d)]
    return out


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_everything_public_is_documented(file):
    source = file.read_text()
    assert ast.get_docstring(parsed(source)), "the module itself"
    assert undocumented(source) == []


def test_the_documentation_check_can_fail():
    source = "class A:\n    'doc'\n    def f(self): ...\ndef g(): ...\ndef _h(): ..."
    assert undocumented(source) == ["f", "g"]


WRITERS = {
    "write_text", "write_bytes", "savefig", "to_csv", "to_excel", "to_pickle", "to_parquet", "tofile", "savez",
    "savez_compressed", "savetxt", "touch", "symlink_to", "hardlink_to", "NamedTemporaryFile", "mkstemp",
}  # fmt: skip
"""Methods and functions that write files by a path."""

WRITERS_OF = {
    ("np", "save"),
    ("numpy", "save"),
    ("torch", "save"),
    ("json", "dump"),
    ("pickle", "dump"),
    ("joblib", "dump"),
}
WRITERS_OF |= {("shutil", name) for name in ("copy", "copy2", "copyfile", "move")} | {("os", "open"), ("os", "replace")}
"""The same, where only the module tells."""


def file_writes(source: str) -> list[str]:
    """Calls in a source that open or write files by a path; text that is made and not written (``to_csv()``) is none."""
    found = []
    tree = parsed(source)
    ours = {  # names of the one module that may
        ast.unparse(node.targets[0])
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "later('relucvx.results')"
    }
    for node in nodes(source):
        if not isinstance(node, ast.Call) or (
            isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in ours
        ):
            continue
        owner = (
            node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else ""
        )
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = method or (node.func.id if isinstance(node.func, ast.Name) else "")
        mode = [k.value for k in node.keywords if k.arg == "mode"] or node.args[0 if method and owner != "io" else 1 :][
            :1
        ]
        opens = name in ("open", "fdopen") and any(
            not isinstance(m, ast.Constant) or set(str(m.value)) & set("wax+") for m in mode
        )
        writes = method in WRITERS and (node.args or node.keywords)
        if opens or writes or (owner, method) in WRITERS_OF:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_files_are_written_in_one_place(file):
    if file != ROOT / "results.py":
        assert file_writes(file.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "open(path, 'w')", "open(path, mode='ab')", "path.open('wb')", "path.open(mode)", "io.open(path, 'x')",
        "path.write_text(text)", "np.savez_compressed(path, x=x)", "np.save(path, x)", "numpy.savez(stream)",
        "figure.savefig(path)", "frame.to_csv(path)", "json.dump(value, file)", "torch.save(net, path)",
        "x.tofile(path)", "os.open(path, flags)", "tempfile.NamedTemporaryFile('w')", "shutil.copy(a, b)",
    ],
)  # fmt: skip
def test_the_check_of_writes_can_fail(source):
    assert len(file_writes(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "open(path)", "open(path, 'rb')", "path.open()", "path.open('rb')", "frame.to_csv()", "write_text(path, text)",
        "path.read_text()", "webbrowser.open()", "os.replace", "out.mkdir(exist_ok=True)", "json.dumps(x)", "sol.save(p)",
        "files = later('relucvx.results')\nfiles.write_text(path, text)",
    ],
)  # fmt: skip
def test_reading_and_the_one_writer_pass(source):
    assert file_writes(source) == []


def unexplained(source):
    """Numeric constants of a module without a word about them: a docstring after their block, or a comment beside."""
    tree, lines, out, block = parsed(source), source.splitlines(), [], []
    for node in [*tree.body, None]:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        name = target.id if isinstance(target, ast.Name) and target.id.isupper() else ""
        if name and isinstance(node.value, ast.Constant) and isinstance(node.value.value, (int, float)):
            if "#" not in lines[node.end_lineno - 1]:
                block.append(name)
            continue
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            out += block
        block = []
    return out


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_named_numbers_say_why(file):
    assert unexplained(file.read_text()) == []


def test_the_check_of_numbers_can_fail():
    assert unexplained("A = 1\nB = 2.0\n'''why'''\nC = 3\nD = 4  # why\ndef f(): ...") == ["C"]


PACKAGES = [f.parent for f in FILES if f.name == "__init__.py"]


def hidden(init: str, package: str, modules: set[str]) -> list[str]:
    """Modules of a package that cannot be reached as its attributes, because its ``__init__`` gives their names away."""
    tree = parsed(init)
    bound = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in nodes(init):
        if isinstance(node, ast.ImportFrom) and node.module != package:
            bound |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Dict):  # names that resolve on first use, and where to
            pairs = ((k.value, v.value) for k, v in zip(node.keys, node.values, strict=True) if _both_constant(k, v))
            bound |= {name for name, place in pairs if place != f"{package}.{name}"}
    return sorted(bound & modules)


def _both_constant(*nodes: ast.AST | None) -> bool:
    return all(isinstance(node, ast.Constant) for node in nodes)


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_module_is_hidden_by_a_name_of_its_package(folder):
    modules = {f.stem for f in folder.glob("*.py")} | {f.name for f in folder.iterdir() if f.is_dir()}
    init = folder / "__init__.py"
    assert hidden(init.read_text(), module_name(init), modules) == []


@pytest.mark.parametrize(
    ("init", "found"),
    [
        ("from relucvx.x.folding import folding", ["folding"]),
        ("from relucvx.x.other import g as folding", ["folding"]),
        ("def folding(): ...", ["folding"]),
        ("_PUBLIC = {'folding': 'relucvx.x.other'}", ["folding"]),
        ("_PUBLIC = {'folding': 'relucvx.x.folding'}", []),
        ("from relucvx.x import folding", []),
        ("from relucvx.x.folding import fold", []),
    ],
)
def test_the_check_of_hidden_modules_can_fail(init, found):
    assert hidden(init, "relucvx.x", {"folding", "other"}) == found


def counts_checked_by_hand(source: str) -> list[str]:
    """Places that judge whether a value is an integer that is large enough, which is what ``as_count`` is for.

    A position that may be negative, -n <= k < n, is no count.
    """
    out = []
    for node in nodes(source):
        if not isinstance(node, ast.BoolOp):
            continue
        inner = [n for n in ast.walk(node) if isinstance(n, (ast.Call, ast.Compare))]
        whole = {name for call in inner if isinstance(call, ast.Call) for name in _asked_to_be_whole(call)}
        sizes = [n for n in inner if isinstance(n, ast.Compare) and any(map(_is_least, [n.left, *n.comparators]))]
        compared = {ast.unparse(x) for n in sizes if _orders(n) for x in (n.left, *n.comparators)}
        flag = any(isinstance(n, ast.Name) and "int" in n.id for n in ast.walk(node))  # is_int = isinstance(...)
        out += [ast.unparse(node)] * bool(whole & compared or (flag and compared and not whole))
    return out


def _asked_to_be_whole(call: ast.Call) -> set[str]:
    """What a call asks to be an integer: ``isinstance(k, (int, ...))``, ``k.is_integer()``, ``int(k) == k``."""
    name = ast.unparse(call.func)
    kinds = {ast.unparse(n) for arg in call.args[1:] for n in ast.walk(arg) if isinstance(n, (ast.Name, ast.Attribute))}
    if name == "isinstance" and kinds & {"int", "np.integer", "Integral", "numbers.Integral"}:
        return {ast.unparse(call.args[0])}
    if name.endswith(".is_integer"):
        return {name.removesuffix(".is_integer")}
    return {ast.unparse(call.args[0])} if name in ("int", "operator.index") and call.args else set()


def _is_least(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _orders(node: ast.Compare) -> bool:
    return any(isinstance(op, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) for op in node.ops)


COUNTED_BELOW = {"validation.py", "types.py"}
"""Where counts are checked; and below it, where a seed is one choice of three."""


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_counts_are_checked_in_one_place(file):
    if file.name not in COUNTED_BELOW or file.parent != ROOT:
        assert counts_checked_by_hand(file.read_text()) == []


@pytest.mark.parametrize(
    ("source", "by_hand"),
    [
        ("if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1: raise E", True),
        ("if isinstance(k, numbers.Integral) and k >= 0: return k", True),
        ("if not isinstance(k, int) or not 1 <= k < n: raise E", True),
        ("if not k >= 1 or not k.is_integer(): raise E", True),
        ("if int(k) != k or k < 1: raise E", True),
        ("if not is_int or k < 1: raise E", True),
        ("if isinstance(k, bool) or not isinstance(k, int) or not -n <= k < n: raise E", False),
        ("k = as_count(k, 'k', 2)", False),
        ("if isinstance(k, int) and n > 3: pass", False),
        ("asked = [k] if isinstance(k, int) else k", False),
    ],
)
def test_the_check_of_counts_can_fail(source, by_hand):
    assert bool(counts_checked_by_hand(source)) is by_hand


def own_names(init: str) -> list[str]:
    """What an ``__init__`` binds, beside its docstring."""
    return [
        ast.unparse(node) for node in parsed(init).body if not isinstance(getattr(node, "value", None), ast.Constant)
    ]


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_package_shows_its_public_names_and_no_others(folder):
    """A folder that is there for its modules alone binds nothing."""
    package = importlib.import_module(module_name(folder / "__init__.py"))
    if hasattr(package, "__all__"):
        assert dir(package) == sorted(package.__all__)
        assert all(hasattr(package, name) for name in package.__all__)
    else:
        assert own_names((folder / "__init__.py").read_text()) == []


def test_the_check_of_bare_packages_can_fail():
    assert own_names('"""Doc."""\nfrom relucvx.x import y') == ["from relucvx.x import y"]
    assert dir(pytest) != sorted(pytest.__all__)


DRAWERS = {
    ("relucvx.metrics.regions.polygons.slice_result", "relucvx.metrics.regions.polygons.slice_plot"),
    ("relucvx.report.comparison", "relucvx.report.html"),
    ("relucvx.report.comparison", "relucvx.report.figures"),
    ("relucvx.report.comparison", "relucvx.report.neurons"),
}
"""Results that draw or write themselves: ``.plot`` and ``.to_html`` know the module that does it, which knows the result."""


def needs(source: str, module: str) -> set[str]:
    """Modules of the package that a module needs, whenever it imports them; what only annotations need does not count."""
    tree = parsed(source)
    for node in nodes(source):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = [ast.Pass()]
    found = {name for name, _ in imports_of(ast.unparse(tree), module)}
    public = {f"relucvx.{name}": place for name, place in relucvx._PUBLIC.items()}
    return {public.get(name, name) for name in found if name.startswith("relucvx")} - {module}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules each of which reaches all the others."""
    reach = {module: _reached(graph, module) for module in graph}
    groups = {frozenset(m for m in reach[module] if module in reach[m]) for module in graph if module in reach[module]}
    return sorted(map(sorted, groups))


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        module = ahead.pop()
        if module not in found:
            found.add(module)
            ahead += graph.get(module, ())
    return found


def test_there_is_no_circle_of_modules():
    graph = {module_name(f): needs(f.read_text(), module_name(f)) for f in FILES}
    for result, drawer in DRAWERS:
        graph[result].remove(drawer)
    for result, drawer in DRAWERS:
        assert result in _reached(graph, drawer), "this exception is not needed"
    assert circles(graph) == []


def test_the_check_of_circles_can_fail():
    late = needs("def f():\n    from relucvx.network.reading import read_layers", "relucvx.network.deep")
    assert circles({"relucvx.network.deep": late, "relucvx.network.reading": {"relucvx.network.deep"}}) == [
        ["relucvx.network.deep", "relucvx.network.reading"]
    ]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from relucvx.network.reading import Reader"
    assert needs(typed, "relucvx.network.deep") == set()
    assert needs("from relucvx import solve, metrics", "relucvx.x") == {"relucvx._api.solving", "relucvx.metrics"}
    assert needs("from relucvx.network import deep, DeepNetwork", "relucvx.x") == {
        "relucvx.network.deep",
        "relucvx.network",
    }


MIRRORED = 0.85
"""Share of the modules with a test file of their own, path for path."""


def mirror(module: Path) -> Path:
    """Where a module's tests belong: ``solver/conic.py`` is tested by ``solver/test_conic.py``."""
    return module.parent / f"test_{module.name.lstrip('_')}"


def unmirrored(modules: list[Path], tests: set[Path]) -> list[str]:
    """Modules without tests at their own path."""
    return [str(m) for m in modules if m.name not in ("__init__.py", "__main__.py") and mirror(m) not in tests]


def test_tests_mirror_the_package():
    here = Path(__file__).parent
    modules = [f.relative_to(ROOT) for f in FILES if f.name not in ("__init__.py", "__main__.py")]
    alone = unmirrored(modules, {f.relative_to(here) for f in here.rglob("test_*.py")})
    assert len(alone) <= (1 - MIRRORED) * len(modules), alone


def test_the_check_of_mirrors_can_fail():
    modules = [Path("solver/conic.py"), Path("solver/__init__.py"), Path("oracle/_kernels.py"), Path("types.py")]
    assert unmirrored(modules, {Path("solver/test_conic.py"), Path("oracle/test_kernels.py")}) == ["types.py"]
    assert unmirrored(modules, {Path("test_conic.py"), Path("test_types.py")}) == [
        "solver/conic.py",
        "oracle/_kernels.py",
    ]


LATE_IMPORTS = 24
"""In the whole package: circles that a drawer closes, kernels to compile, packages that may be missing. It only falls."""


def late_imports(source: str) -> int:
    """Import statements inside functions."""
    functions = [n for n in nodes(source) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return len({inner for f in functions for inner in ast.walk(f) if isinstance(inner, (ast.Import, ast.ImportFrom))})


def test_imports_stand_at_the_top():
    found = {module_name(f): late_imports(f.read_text()) for f in FILES}
    assert sum(found.values()) <= LATE_IMPORTS, {module: n for module, n in found.items() if n}


def test_the_count_of_late_imports_sees_them():
    assert (
        late_imports("import a\ndef f():\n    import b\n    def g():\n        from c import d\nclass E:\n    import e")
        == 2
    )
