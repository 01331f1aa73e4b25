"""The command line as a user meets it: tables, JSON, files, messages and exit codes."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
from command_line import refused, run
from rich.console import Console

import relucvx as rx
from relucvx.cli import main, output
from relucvx.cli.input import Source
from relucvx.cli.manners import print_json
from relucvx.errors import LicenseError, MissingPackageError

SMALL = ["planted:30x2", "--beta-fraction", "0.1"]


@pytest.fixture
def table(tmp_path):
    """A CSV file with a header, three inputs and a target."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 3))
    y = np.maximum(X @ [1.0, -1.0, 0.5], 0.0)
    file = tmp_path / "data.csv"
    np.savetxt(file, np.column_stack([X, y]), delimiter=",", header="a,b,c,y", comments="")
    return file


# ---------------------------------------------------------------------- solve
def test_solve_prints_a_certified_table():
    code, out, err = run("solve", *SMALL)
    assert (code, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.startswith("planted:30x2: 30 samples x 2 features; squared loss, bias none, activation relu")
    labels = [row[:14].strip() for row in rows]
    assert labels == [
        "beta",
        "objective",
        "certified",
        "relative gap",
        "scope",
        "method",
        "network",
        "status",
        "seconds",
    ]
    assert "<= p* <=" in out
    assert "ALL_PATTERNS: every activation pattern" in out
    assert "CONVERGED: the certified relative gap" in out


def test_solve_json_is_json_only_and_agrees_with_the_library():
    code, out, err = run("solve", *SMALL, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    data = rx.datasets.get("planted:30x2")
    lo, hi = found["beta_max"]
    assert lo <= hi
    assert found["problem"]["beta"] == 0.1 * lo
    sol = rx.solve(data.X, data.Y, 0.1 * lo)
    assert found["objective"] == pytest.approx(sol.objective, rel=1e-6)
    assert found["certificate"]["lower"] <= sol.objective
    assert found["status"] == "CONVERGED"
    assert np.shape(found["network"]["weights_in"]) == (found["width"], 2)


def test_json_holds_neither_nan_nor_infinity(capsys):
    print_json({"a": [float("nan"), 1.0], "b": {"c": float("inf")}, "d": np.float64(2.0)})
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "a": [None, 1.0], "b": {"c": None}, "d": 2.0}


@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared_hinge", "huber"])
def test_solve_takes_losses_and_biases(loss):
    args = ("iris", "--one-vs-rest", "setosa", "--samples", "30", "--beta-fraction", "0.3")
    code, out, _ = run("solve", *args, "--loss", loss, "--bias", "hidden", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["problem"] | {"beta": 0} == {
        "samples": 30, "features": 4, "beta": 0, "loss": loss, "bias": "hidden", "activation": [0.0, 1.0],
    }  # fmt: skip


def test_activation_by_name_and_by_slopes_agree():
    slopes = json.loads(run("solve", "planted:20x2", "--beta", "1", "--activation", "-1,1", "--json")[1])
    name = json.loads(run("solve", "planted:20x2", "--beta", "1", "--activation", "abs", "--json")[1])
    assert slopes["problem"] == name["problem"]
    assert slopes["objective"] == pytest.approx(name["objective"], rel=1e-6)


def test_several_outputs_of_a_file_are_solved_jointly(tmp_path):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((8, 2)), rng.standard_normal((8, 2))
    np.savez(tmp_path / "two.npz", X=X, Y=Y)
    code, out, _ = run("solve", tmp_path / "two.npz", "--beta-fraction", "0.2", "--json", "--out", tmp_path / "s.npz")
    found = json.loads(out)
    assert code == 0
    assert np.shape(found["network"]["weights_out"]) == (found["width"], 2)
    joint = rx.solve(X, Y, found["problem"]["beta"])
    assert found["objective"] == pytest.approx(joint.objective, rel=2e-6)
    code, out, _ = run("certify", tmp_path / "s.npz")
    assert code == 0
    assert "8 samples x 2 features -> 2 outputs; squared loss" in out
    code, out, _ = run("path", tmp_path / "two.npz", "--betas", "2,1")
    assert code == 0
    assert len(out.splitlines()) == 4


@pytest.mark.parametrize(
    ("loss", "values", "columns"),
    [
        ("squared", {0.0, 1.0}, 3),
        ("cross_entropy", {0.0, 1.0}, 3),
        ("logistic", {-1.0, 1.0}, 3),
        ("hinge", {-1.0, 1.0}, 3),
    ],
)
def test_classes_are_coded_as_the_loss_takes_them(loss, values, columns):
    found = Source("iris").read(loss)
    assert found.Y.shape == (150, columns)
    assert set(np.unique(found.Y)) == values
    assert (found.Y.argmax(axis=1) == found.labels).all()
    rx.make_problem(found.X, found.Y, 1.0, loss)


def test_two_classes_are_signs_unless_the_loss_is_a_cross_entropy():
    assert Source("breast_cancer").read("squared").Y.ndim == 1
    assert Source("breast_cancer").read("cross_entropy").Y.shape == (569, 2)
    assert set(np.unique(Source("iris", one_vs_rest="1").read("logistic").Y)) == {-1.0, 1.0}
    assert Source("diabetes").read("cross_entropy").Y.ndim == 1  # refused by the loss, not by the coding


def test_solver_and_seed_lead_to_the_same_objective():
    ours = json.loads(run("solve", "planted:20x2", "--beta", "1", "--json", "--seed", "0")[1])
    data = rx.datasets.get("planted:20x2")
    conic = json.loads(run("solve", "planted:20x2", "--beta", "1", "--solver", "conic", "--tol", "1e-5", "--json")[1])
    assert ours["objective"] == pytest.approx(conic["objective"], rel=1e-5)
    assert ours["objective"] == pytest.approx(rx.solve(data.X, data.Y, 1.0, rng=7).objective, rel=1e-6)


def test_solve_without_data_certifies_the_example():
    code, out, _ = run("solve")
    assert code == 0
    assert out.startswith("iris, versicolor against the rest: 150 samples x 4 features; squared loss, bias all")


def test_a_gap_that_is_not_closed_ends_with_code_2(tmp_path):
    file = tmp_path / "rough.npz"
    code, out, _ = run("solve", "planted:60x4", "--beta-fraction", "0.01", "--time-limit", "1e-3", "--out", file)
    assert code == 2
    assert "TIME_LIMIT" in out
    code, out, _ = run("certify", file, "--json")
    assert code == 2
    assert json.loads(out)["rel_gap"] > 1e-6


def test_wide_data_are_reported_as_not_certified():
    code, out, _ = run("solve", "breast_cancer", "--beta-fraction", "0.5", "--time-limit", "2", "--json")
    found = json.loads(out)
    assert code == 2
    assert found["certificate"]["scope"] == "RELAXED"
    assert 0 <= found["certificate"]["lower"] < found["objective"]


# ---------------------------------------------------------------------- files
def test_files_columns_and_standardisation(table):
    code, out, _ = run("solve", table, "--beta", "1", "--json")
    assert (code, json.loads(out)["problem"]["features"]) == (0, 3)
    code, out, _ = run("solve", table, "--target", "y", "--columns", "a, c", "--beta", "1", "--standardize", "--json")
    found = json.loads(out)
    raw = rx.datasets.read_table(table, "y", ["a", "c"])
    direct = rx.solve(rx.datasets.standardize_columns(raw.X)[0], raw.Y, 1.0)
    assert found["objective"] == pytest.approx(direct.objective, rel=1e-6)


def test_no_standardize_keeps_the_columns_of_an_embedded_set():
    code, out, _ = run("patterns", "iris", "--samples", "12", "--no-standardize", "--json")
    assert code == 0
    X = rx.datasets.load("iris", standardize=False).X[np.linspace(0, 149, 12).round().astype(int)]
    assert json.loads(out)["found"] == len(rx.enumerate_patterns(X))


def test_save_certify_and_resume(tmp_path):
    file = tmp_path / "found.npz"
    code, out, _ = run("solve", *SMALL, "--bias", "all", "--out", file)
    assert code == 0
    assert f"saved         {file}" in out
    code, out, _ = run("certify", file)
    assert code == 0
    assert "<= p* <=" in out
    assert "stored claim" in out
    code, out, _ = run("certify", file, "--json", "--tol", "1e-4", "--method", "enumeration")
    proven = json.loads(out)
    assert (code, proven["method"]) == (0, "enumeration")
    sol = rx.load(file)
    assert proven["upper"] == sol.objective
    assert proven["lower"] <= sol.objective
    code, out, _ = run("solve", "--start", file, "--json")
    again = json.loads(out)
    assert code == 0
    assert again["problem"]["bias"] == "all"
    assert again["objective"] == pytest.approx(sol.objective, rel=1e-6)


def test_certify_believes_none_of_the_stored_claims(tmp_path):
    data = rx.datasets.get("planted:30x2")
    sol = rx.solve(data.X, data.Y, 1.0)
    file = sol.save(tmp_path / "honest.npz")
    with np.load(file) as archive:
        arrays = dict(archive)
    arrays["weights_out"] = 2.0 * arrays["weights_out"]
    np.savez(tmp_path / "forged.npz", **arrays)
    code, out, _ = run("certify", tmp_path / "forged.npz", "--json")
    assert code == 2
    assert json.loads(out)["upper"] > sol.objective * 1.01


# ---------------------------------------------------------------------- path
def test_path_prints_one_row_per_strength():
    code, out, _ = run("path", "planted:30x2", "--count", "4")
    title, header, *rows = out.splitlines()
    assert code == 0
    assert "beta_max" in title
    assert header.split() == ["beta", "/beta_max", "objective", "lower", "bound", "rel", "gap", "width", "loss"]
    values = np.array([[float(v) for v in row.split()] for row in rows])
    assert np.allclose(values[:, 1], np.geomspace(1, 0.01, 4), rtol=1e-3)
    assert values[0, 5] == 0  # at beta_max no neuron pays
    assert (np.diff(values[:, 2]) < 0).all()


def test_path_json_and_files(tmp_path):
    args = ("path", "planted:30x2", "--betas", "3,1", "--json")
    code, out, _ = run(*args, "--out", tmp_path / "folder")
    found = json.loads(out)
    assert (code, found["certified"]) == (0, True)
    assert [row["beta"] for row in found["path"]] == [3.0, 1.0]
    assert rx.load(tmp_path / "folder" / "solution-001.npz").objective == found["path"][1]["objective"]
    code, out, _ = run(*args, "--out", tmp_path / "table.npz")
    with np.load(tmp_path / "table.npz") as saved:
        assert saved["objective"].tolist() == [row["objective"] for row in json.loads(out)["path"]]
    row = found["path"][1]
    assert 0 < row["loss"] < row["objective"]


def test_an_interrupted_path_ends_there(monkeypatch):
    solutions = [rx.solve([[1.0], [2.0]], [1.0, -1.0], 0.1, callback=lambda p: True)] * 3
    assert solutions[0].status is rx.Status.INTERRUPTED
    monkeypatch.setattr("relucvx._api.strengths.beta_path", lambda *a, **k: iter(solutions))
    code, out, _ = run("path", "planted:30x2", "--betas", "3,2,1", "--json")
    assert code == 2
    assert len(json.loads(out)["path"]) == 1


# ---------------------------------------------------------------------- patterns
def test_patterns_counts_and_saves(tmp_path):
    code, out, _ = run("patterns", "planted:10x2", "--bias", "--out", tmp_path / "p", "--json")
    found = json.loads(out)
    assert (code, found["rank"], found["complete"]) == (0, 3, True)
    assert found["found"] == found["predicted"] == rx.count_patterns(10, 3)
    with np.load(tmp_path / "p.npz") as saved:
        assert saved["patterns"].shape == (found["found"], 10)
        assert saved["complete"]
    code, out, _ = run("patterns", "planted:10x2", "--bias")
    assert "found        92, complete" in out


def test_patterns_samples_where_there_are_too_many(tmp_path):
    code, out, _ = run("patterns", "breast_cancer", "--sample", "7", "--out", tmp_path / "p.npz")
    assert code == 0
    assert "about 10^48" in out
    assert "found        7, a sample: nothing says that there are no others" in out
    assert f"saved        {tmp_path / 'p.npz'}" in out


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["solve", "iriss"], "received 'iriss'; try: iris"),
        (["solve", "nowhere.csv"], "no such file"),
        (["solve", "planted:3"], "sizes written as planted:NxD"),
        (["solve", "iris", "--target", "x"], "options of iris among"),
        (["solve", "iris", "--one-vs-rest", "rose"], "a class among 0 (setosa), 1 (versicolor), 2 (virginica)"),
        (["solve", *SMALL[:1], "--beta", "0"], "expected beta to be a finite number > 0; received 0.0"),
        (["solve", *SMALL[:1], "--beta", "-1"], "expected beta to be a finite number > 0; received -1.0"),
        (["solve", *SMALL[:1], "--beta", "nan"], "received nan"),
        (["solve", *SMALL, "--beta", "1"], "expected --beta or --beta-fraction; received both"),
        (["solve", *SMALL[:1], "--beta-fraction", "0"], "expected --beta-fraction to be a finite number > 0"),
        (["solve", *SMALL, "--loss", "l1"], "expected a loss among squared"),
        (["solve", *SMALL, "--loss", "logistic"], "labels"),
        (["solve", *SMALL, "--bias", "yes"], "expected a bias mode among none, hidden, all, free"),
        (["solve", *SMALL, "--activation", "tanh"], "expected an activation among relu"),
        (["solve", *SMALL, "--activation", "0,x"], "expected numbers separated by commas for --activation"),
        (["solve", *SMALL, "--solver", "mosek"], "expected a solver among auto, active_set, conic"),
        (["solve", *SMALL, "--tol", "0"], "expected tol to be a finite number > 0"),
        (["solve", *SMALL, "--time-limit", "-1"], "expected time_limit to be a finite number > 0"),
        (["solve", *SMALL, "--start", "none.npz"], "no file none.npz"),
        (["solve", *SMALL, "--out", "no/such/folder/x.npz"], "the folder does not exist; try: mkdir -p no/such"),
        (["solve", "textbook:zero_target"], "expected targets that neurons help to fit; received beta_max in [0, 0]"),
        (["solve", *SMALL, "--beta", "much"], "Invalid value for '--beta'"),
        (["solve", *SMALL, "--nonsense"], "No such option: --nonsense"),
        (["solve", *SMALL, "--samples", "0"], "Invalid value for '--samples'"),
        (["solve", "iris", "extra"], "unexpected extra argument"),
        (["solve", "planted:400x3", "--beta", "1", "--bias", "all", "--solver", "conic"], "predicted patterns"),
        (["patterns"], "Missing argument 'DATA'"),
        (["patterns", "diabetes"], "try: --sample 1000"),
        (["patterns", "iris", "--max-patterns", "10"], "expected at most max_patterns=10"),
        (["patterns", "iris", "--sample", "0"], "expected n_patterns to be an int >= 1"),
        (["path", *SMALL[:1], "--betas", "1,,2"], "expected numbers separated by commas for --betas; received '1,,2'"),
        (["path", *SMALL[:1], "--betas", "1,-2"], "expected beta to be a finite number > 0"),
        (["path", *SMALL[:1], "--smallest", "0"], "expected --smallest to be a finite number > 0"),
        (["certify", "model.pt"], "torch and pickle files can run code when they are opened"),
        (["certify", "none.npz"], "no file none.npz"),
        (["certify"], "Missing argument 'SOLUTION.npz'"),
        (["sovle"], "No such command 'sovle'"),
    ],
)  # fmt: skip
def test_bad_input_is_explained_with_code_1(args, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert message.lower() in refused(*args).lower()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n1,2\nx,3\n", "'x' in column 'a', line 3"),
        ("a,y\n1,2\nnan,3\n", "nan in column 'a', line 3"),
        ("a,y\n1,2\n,3\n", "an empty cell in column 'a', line 3"),
        ("", "an empty file"),
    ],
)
def test_bad_files_are_explained(tmp_path, text, message):
    file = tmp_path / "bad.csv"
    file.write_text(text)
    assert message in refused("solve", file)


def test_other_files_are_not_solutions(tmp_path, table):
    np.savez(tmp_path / "other.npz", a=1)
    assert "expected a solution saved by relucvx" in refused("certify", tmp_path / "other.npz")
    assert "expected a solution saved by relucvx" in refused("certify", table)


@pytest.mark.parametrize(
    "error", [LicenseError("no licence"), MissingPackageError("not installed"), ModuleNotFoundError("No module 'x'")]
)
def test_missing_packages_and_licences_end_with_code_3(error, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("relucvx._api.solving.solve", fail)
    code, out, err = run("solve", *SMALL)
    assert (code, out, err) == (3, "", f"Error: {error}\n")


def test_what_cannot_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("relucvx._api.solving.solve", lambda *a, **k: pytest.fail("solved before it was checked"))
    (tmp_path / "folder.npz").mkdir()
    assert f"expected a file to write; received {tmp_path / 'folder.npz'}, a folder" in refused(
        "solve", *SMALL, "--out", tmp_path / "folder.npz"
    )
    (tmp_path / "sol.npz").touch()
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)
    assert "expected a path that can be written" in refused("solve", *SMALL, "--out", tmp_path / "sol.npz")


@pytest.mark.parametrize(("number", "message"), [(errno.ENOSPC, "a full disk, or no permission"), (errno.EPIPE, "")])
def test_output_that_fails_is_explained_and_a_reader_that_has_gone_is_not_an_error(number, message, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(number, "No space left on device")

    monkeypatch.setattr("relucvx._api.solving.solve", fail)
    code, out, err = run("solve", *SMALL)
    assert (code, out) == (1, "")
    assert message in err
    assert ("Error" in err) == bool(message)


def test_ctrl_c_before_anything_is_proven(monkeypatch):
    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("relucvx._api.solving.solve", fail)
    code, _, err = run("solve", *SMALL)
    assert (code, err) == (2, "Error: INTERRUPTED before there was a result\n")


def test_ctrl_c_inside_a_kernel(monkeypatch):
    def fail(cause):
        between = None if cause is None else SystemError("unpickling returned a result with an exception set")
        if between is not None:
            between.__cause__ = cause
        raise SystemError("returned a result with an exception set") from between

    monkeypatch.setattr("relucvx._api.solving.solve", lambda *a, **k: fail(KeyboardInterrupt()))
    code, _, err = run("solve", *SMALL)
    assert (code, err) == (2, "Error: INTERRUPTED before there was a result\n")
    monkeypatch.setattr("relucvx._api.solving.solve", lambda *a, **k: fail(None))
    with pytest.raises(SystemError):
        run("solve", *SMALL)


# ---------------------------------------------------------------------- signals, terminals, processes
def test_ctrl_c_stops_a_certificate_with_a_valid_bound(tmp_path, monkeypatch):
    data = rx.datasets.get("planted:40x5")
    sol = rx.solve(data.X, data.Y, 0.05, tol=0.3)
    file = sol.save(tmp_path / "rough")

    @contextmanager
    def pressing(label, tol):
        yield lambda state: signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(output, "progress", pressing)
    command = ("certify", file, "--tol", "1e-12", "--method", "branch_and_bound")
    code, out, _ = run(*command, "--json")
    proven = json.loads(out)
    assert (code, proven["interrupted"]) == (2, True)
    assert 0 <= proven["lower"] <= sol.objective
    assert "INTERRUPTED" in run(*command)[1]


def test_progress_draws_only_in_a_terminal():
    with output.progress("solving", 1e-6, Console(file=io.StringIO(), force_terminal=False)) as draw:
        assert draw is None
    screen = io.StringIO()
    with output.progress("solving", 1e-6, Console(file=screen, force_terminal=True, width=120)) as draw:
        sol = rx.solve([[1.0], [-2.0]], [1.0, 3.0], 0.1, callback=draw)
        rx.certify(sol.network, [[1.0], [-2.0]], [1.0, 3.0], 0.1, method="branch_and_bound", callback=draw)
    assert "solving: round" in screen.getvalue()


def test_a_terminal_gets_a_table(monkeypatch, capsys):
    console = Console(force_terminal=True, width=60, markup=False, highlight=False, color_system=None)
    monkeypatch.setattr(output, "Console", lambda **_: console)
    output.show("title [x]", {"label": "text"})
    assert capsys.readouterr().out.split() == ["title", "[x]", "label", "text"]


def test_main_version_and_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["relucvx", "--version"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert (stop.value.code, capsys.readouterr().out) == (0, f"relucvx {rx.__version__}\n")
    code, out, _ = run("--help")
    assert code == 0
    assert all(
        word in out for word in ("patterns", "solve", "certify", "path", "train", "compare", "verify", "Exit codes")
    )


def process(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "relucvx", *args], capture_output=True, text=True, check=False, **options
    )


def test_help_needs_neither_numpy_nor_the_solvers():
    code = "import sys, relucvx.cli; print(*[m for m in ('numpy', 'scipy', 'torch', 'cvxpy') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""


def test_the_process_returns_the_codes(tmp_path):
    done = process("solve", "planted:20x2", "--beta", "1", "--out", str(tmp_path / "s.npz"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["certificate"]["rel_gap"] <= 1e-6
    done = process("certify", str(tmp_path / "s.npz"), "--tol", "1e-300")
    assert done.returncode in (0, 2)
    done = process("solve", "planted:20x2", "--beta", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: expected beta")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_ctrl_c_prints_and_saves_the_best_certified_result(tmp_path):
    import pty

    file = tmp_path / "interrupted.npz"
    command = "solve diabetes --components 3 --beta-fraction 0.002 --tol 1e-9 --json --out"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "relucvx", *command.split(), str(file)], stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as running:
        os.close(theirs)
        seen, deadline = "", time.monotonic() + 60
        while "round 1" not in seen and time.monotonic() < deadline:
            seen += os.read(ours, 4096).decode(errors="replace")
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
        os.close(ours)
    assert "round 1" in seen, "no progress in the terminal"
    found = json.loads(out)
    assert running.returncode == 2
    assert found["status"] == "INTERRUPTED"
    assert 0 < found["certificate"]["lower"] < found["objective"]
    sol = rx.load(file)
    assert sol.status is rx.Status.INTERRUPTED
    assert sol.objective == found["objective"]
