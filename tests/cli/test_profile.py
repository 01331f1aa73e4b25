"""``relucvx profile`` as a user meets it: table, files, messages, Ctrl-C and exit codes."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import command_line
import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

import relucvx as rx
from relucvx.cli.network import mlp
from relucvx.cli.profile import layer_bar, print_frame, shape_text
from relucvx.metrics import ProfileProgress

QUICK = ["iris", "--depth", "2", "--width", "6", "--epochs", "3", "--pairs", "20", "--lines", "5"]


def run(*args):
    """Exit code, standard output, standard error."""
    return command_line.run("profile", *args)


def refused(*args):
    """The message of a command that must fail with exit code 1 and print nothing else."""
    return command_line.refused("profile", *args)


@contextmanager
def pressed_after(count):
    """Stands for ``layer_bar``: Ctrl-C is pressed when it draws for the count-th time."""
    drawn = iter(range(10**9))

    def draw(state):
        if next(drawn) >= count:
            signal.raise_signal(signal.SIGINT)

    yield draw


# ---------------------------------------------------------------------- results
def test_the_table_has_a_line_per_metric_and_a_column_per_layer():
    code, out, err = run(*QUICK)
    assert (code, err) == (0, "")
    title, network, accuracy, cut, drop, blank, heads, *lines = out.splitlines()
    assert title == "iris: 150 samples x 4 features"
    assert network.split(None, 1)[1] == "4 -> 6 -> 6 -> 3, trained here (Adam)"
    assert accuracy.startswith("accuracy")
    assert "the first hidden layer with graph convexity within 0.01" in cut
    assert "largest relative loss of numerical rank" in drop
    assert blank == ""
    assert heads.split("  ") == ["input", "hidden 0", "hidden 1", "output"] or heads.split() == [
        "input", "hidden", "0", "hidden", "1", "output",
    ]  # fmt: skip
    table = {line[:30].strip(): line[30:].split() for line in lines}
    assert table["width"] == ["4", "6", "6", "3"]
    assert len({len(cells) for cells in table.values()}) == 1


def test_files_and_json_agree(tmp_path):
    plot, csv = tmp_path / "profile.png", tmp_path / "profile.csv"
    code, out, err = run(*QUICK, "--plot", plot, "--csv", csv, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["saved"] == [str(csv), str(plot)]
    assert plot.read_bytes()[:4] == b"\x89PNG"
    table = pd.read_csv(csv, index_col="layer")
    assert list(table.index) == [row["layer"] for row in found["layers"]]
    for row in found["layers"]:
        for column in table.columns:
            stored = table.loc[row["layer"], column]
            assert (
                row[column] is None
                if pd.isna(stored)
                else row[column] == (stored if isinstance(stored, str) else pytest.approx(stored))
            )
    assert found["complete"]
    assert set(found["per_class"]["graph_convexity"]["input"]) == {"0", "1", "2"}


def test_the_command_is_the_library(tmp_path):
    torch.manual_seed(0)
    net = mlp([4, 5, 3])
    torch.save(net.state_dict(), tmp_path / "net.pt")
    code, out, _ = run("iris", "--weights", tmp_path / "net.pt", "--json", "--metrics", "cdnv, cka_labels")
    data = rx.datasets.load("iris")
    direct = rx.metrics.profile(net, data.X, data.labels, metrics=["cdnv", "cka_labels"], rng=0)
    found = json.loads(out)
    assert code == 0
    assert [row["cdnv"] for row in found["layers"]] == pytest.approx(direct["cdnv"].tolist())
    assert list(found["layers"][0]) == ["layer", "type", "width", "cdnv", "cka_labels"]


def test_a_saved_solution_holds_its_data(tmp_path):
    data = rx.datasets.load("iris", one_vs_rest="versicolor")
    file = rx.solve(data.X, data.Y, 5.0, tol=1e-2).save(tmp_path / "sol.npz")
    code, out, _ = run("--weights", file, "--metrics", "graph_convexity,nc1", "--json")
    assert code == 0
    assert [row["layer"] for row in json.loads(out)["layers"]] == ["input", "hidden 0", "output"]


def test_targets_that_are_numbers_leave_out_what_needs_classes():
    code, out, _ = run("diabetes", *QUICK[1:], "--json")
    found = json.loads(out)
    assert code == 0
    assert "participation_ratio" in found["layers"][0]
    assert "nc1" in found["left_out"]
    assert found["accuracy"] is None
    code, out, _ = run("diabetes", *QUICK[1:], "--max-samples", "100")
    assert "measured at      100 samples, drawn at random" in out
    assert "\nsquared error    " in out
    assert "targets          numbers, not classes, so metrics that need classes are left out" in out


def test_classes_may_have_names(tmp_path):
    file = tmp_path / "named.csv"
    rows = [f"{k % 5},{k * k % 7},{('été', 'x y', '$a_1$')[k % 3]}" for k in range(30)]
    file.write_text("\n".join(["a,b,class", *rows]), encoding="utf-8")
    code, out, err = run(file, *QUICK[1:], "--metrics", "nc1", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["classes"] == ["$a_1$", "x y", "été"]
    assert found["outputs"] == 3
    assert found["layers"][0]["nc1"] > 0


def test_deep_networks_are_abbreviated():
    facts = {"inputs": 4, "hidden": [8] * 12, "outputs": 3}
    assert shape_text(facts) == " -> ".join(["4", *["8"] * 12, "3"])
    facts["hidden"] = [8] * 60
    assert shape_text(facts) == "4 -> 8 -> 8 -> 8 -> … -> 8 -> 8 -> 3 (60 hidden layers)"


def test_infinite_numbers_are_printed(capsys):
    print_frame(pd.DataFrame({"cdnv": [np.inf, np.nan, 7.0, 0.5]}, index=["a", "b", "c", "d"]))
    assert capsys.readouterr().out.splitlines()[-1].split() == ["cdnv", "inf", "-", "7", "0.5"]


def test_samples_that_are_all_the_same_are_measured(tmp_path):
    file = tmp_path / "same.csv"
    file.write_text("a,b,y\n" + "1,2,0\n1,2,1\n" * 10)
    code, out, err = run(file, *QUICK[1:])
    assert (code, err) == (0, "")
    assert "numerical rank" in out


@pytest.mark.parametrize(("terminal", "blocks"), [("1", 2), (None, 1)])
def test_many_layers_are_printed_in_blocks_as_wide_as_the_terminal(capsys, monkeypatch, terminal, blocks):
    names = [f"layer {k}" for k in range(11)]
    monkeypatch.setenv("COLUMNS", "80")
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", terminal)
    print_frame(pd.DataFrame({"width": [3] * 11, "nc1": [0.123456] * 11}, index=names))
    out = capsys.readouterr().out
    assert out.count("width") == blocks
    assert out.count("0.123") == 11


# ---------------------------------------------------------------------- interruption
@pytest.mark.parametrize(("asked", "rows"), [(0, 0), (3, 1), (5, 2)])
def test_ctrl_c_prints_the_layers_measured_so_far(monkeypatch, tmp_path, asked, rows):
    monkeypatch.setattr("relucvx.cli.profile.layer_bar", lambda: pressed_after(asked))
    args = (*QUICK, "--metrics", "nc1,cka_labels", "--plot", tmp_path / "p.png")
    code, out, err = run(*args, "--json")
    assert (code, err) == (2, "")
    found = json.loads(out)
    assert not found["complete"]
    assert len(found["layers"]) == (asked + 1) // 2  # two scores: the last row may be half of one
    assert (tmp_path / "p.png").exists() == (rows > 0)
    code, out, _ = run(*args)
    assert code == 2
    assert f"INTERRUPTED      {rows} of 4 layers" in out


def test_what_a_time_limit_cuts_is_said_and_the_rest_is_kept_and_saved(tmp_path):
    args = (*QUICK, "--metrics", "graph_convexity,nc1", "--time-limit", "1e-9", "--csv", tmp_path / "p.csv")
    code, out, err = run(*args)
    assert (code, err) == (2, "")
    assert "TIME LIMIT       not measured: graph convexity in input, hidden 0, hidden 1, output; for more" in out
    table = pd.read_csv(tmp_path / "p.csv", index_col="layer")
    assert table["graph_convexity"].isna().all()
    assert table["nc1"].notna().all()
    code, out, _ = run(*args, "--json")
    found = json.loads(out)
    assert code == 2
    assert found["complete"]  # every layer has its row
    assert set(found["cut"]["graph_convexity"]) == {"input", "hidden 0", "hidden 1", "output"}
    assert run(*args, "--time-limit", "1000")[0] == 0


def test_ctrl_c_during_training(monkeypatch):
    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("relucvx.cli.network.train_mlp", fail)
    code, out, err = run(*QUICK)
    assert (code, out) == (2, "")
    assert "INTERRUPTED before there was a result" in err


def test_progress_draws_only_in_a_terminal():
    silent = io.StringIO()
    screen = io.StringIO()
    for console in (Console(file=silent, force_terminal=False), Console(file=screen, force_terminal=True, width=120)):
        with layer_bar(console) as draw:
            draw(ProfileProgress(1, 4, "hidden 0", "graph_convexity"))
    assert silent.getvalue() == ""
    assert "hidden 0: graph convexity" in screen.getvalue()


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_real_ctrl_c_keeps_the_rows():
    import pty

    command = "profile digits --samples 600 --depth 40 --width 10 --epochs 1 --metrics graph_convexity --json"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "relucvx", *command.split()], stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as running:
        os.close(theirs)
        seen, deadline = "", time.monotonic() + 60
        while "measuring hidden" not in seen and time.monotonic() < deadline:  # the bar may skip a quick layer
            seen += os.read(ours, 4096).decode(errors="replace")
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
        os.close(ours)
    assert "measuring hidden" in seen, "no progress in the terminal"
    found = json.loads(out)
    assert running.returncode == 2
    assert not found["complete"]
    assert 1 <= len(found["layers"]) < 42


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["iriss"], "received 'iriss'; try: iris"),
        (["nowhere.csv"], "no such file"),
        (["iris", "--metrics", "nc1,nc9"], "expected metrics among graph_convexity"),
        (["iris", "--metrics", ""], "received ''"),
        (["iris", "--samples", "1"], "expected at least two samples; received 1 in iris"),
        (["iris", "--samples", "1", "--weights", "x.pt"], "expected at least two samples"),
        (["iris", "--weights", "none.pt"], "no file none.pt"),
        (["--weights", "none.npz"], "no file none.npz"),
        (["iris", "--weights", "model.pkl"], "pickle files can run code when they are opened"),
        (["iris", "--hidden", "8,x"], "whole numbers separated by commas for --hidden"),
        (["iris", "--depth", "0"], "Invalid value for '--depth'"),
        (["iris", "--pairs", "0"], "Invalid value for '--pairs'"),
        (["iris", "--lines", "0"], "Invalid value for '--lines'"),
        (["iris", "--time-limit", "0"], "expected --time-limit"),
        (["iris", "--max-samples", "1"], "Invalid value for '--max-samples'"),
        (["iris", "--plot", "no/such/folder/p.png"], "the folder does not exist; try: mkdir -p no/such/folder"),
        (["iris", "--csv", "no/such/folder/p.csv"], "the folder does not exist; try: mkdir -p no/such/folder"),
        (["iris", "--plot", "profile.xyz"], "expected a figure in a format among"),
        (["iris", "--plot", "profile"], "received --plot profile"),
    ],
)  # fmt: skip
def test_bad_input_is_explained_with_code_1(args, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("relucvx.cli.network.train_mlp", lambda *a, **k: pytest.fail("trained before it was checked"))
    assert message.lower() in refused(*args).lower()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n1,0\nnan,1\n", "nan in column 'a', line 3"),
        ("a,y\n1,0\n2,0\n3,0\n", "expected targets of at least two classes; received 3 samples with the same target"),
        ("a,y\n1,0\n", "expected at least two samples; received 1"),
        ("a,y\n", ""),
        ("", "an empty file"),
    ],
)
def test_bad_files_are_explained(tmp_path, text, message):
    file = tmp_path / "bad.csv"
    file.write_text(text)
    assert message in refused(file)


def test_weights_of_another_network(tmp_path):
    torch.save({"conv.weight": torch.zeros(2, 1, 3, 3)}, tmp_path / "conv.pt")
    assert "the weights of an MLP" in refused("iris", "--weights", tmp_path / "conv.pt")
    torch.save(mlp([9, 5, 3]).state_dict(), tmp_path / "wide.pt")
    assert "expected weights for 4 inputs" in refused("iris", "--weights", tmp_path / "wide.pt")


@pytest.mark.slow
def test_digits_in_under_a_minute(tmp_path):
    began = time.perf_counter()
    code, _, _ = run("digits", "--plot", tmp_path / "p.png")
    assert code == 0
    assert time.perf_counter() - began < 60


# ---------------------------------------------------------------------- recorded layers
@pytest.fixture
def recorded(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    tokens = rng.standard_normal((40, 5, 6)) + labels[:, None, None]
    images = rng.standard_normal((40, 3, 4, 4))
    np.savez(tmp_path / "layers.npz", images=images, tokens=tokens, labels=labels)
    return tmp_path / "layers.npz", images, tokens, labels


def test_recorded_layers_are_measured_with_tokens_and_pools_by_name(recorded):
    path, images, tokens, labels = recorded
    code, out, _ = run("--activations", path, "--tokens", "mean", "--pool", "max", "--json", "--metrics", "nc1,two_nn")
    found = json.loads(out)
    layers = {"images": images.max((2, 3)), "tokens": tokens.mean(1)}
    expected = rx.metrics.profile(layers, None, labels, metrics=["nc1", "two_nn"], rng=0)
    assert code == 0
    assert (found["tokens"], found["pool"], found["samples"]) == ("mean", "max", 40)
    assert [row["layer"] for row in found["layers"]] == ["images", "tokens"]
    for column in ("width", "nc1", "two_nn"):
        np.testing.assert_allclose([row[column] for row in found["layers"]], expected[column], rtol=1e-9)
    code, out, _ = run("--activations", path, "--project", 16, "--metrics", "participation_ratio")
    assert code == 0
    assert "layers" in out.splitlines()[1]
    assert "48 values to 16 columns; squared distances vary by 35 % at most" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["iris", "--tokens", "cls"], "layers with tokens or places, received --tokens for a fully connected network"),
        (["iris", "--pool", "mean"], "--pool for a fully connected network"),
        (["iris", "--activations", "layers.npz"], "nothing beside the layers in layers.npz, received DATA"),
        (["--activations", "no.npz"], "an .npz file of arrays, one per layer, received no.npz"),
        (["iris", "--project", "many"], "--project to be auto, none or a number of columns, received many"),
        (["iris", "--project", "3"], "project to be an int >= 8"),
    ],
)
def test_what_recorded_layers_cannot_be(options, message):
    assert message.replace(", received", "; received") in refused(*options)


def test_words_for_tokens_are_checked(recorded):
    assert "tokens among all, mean, cls, last" in refused("--activations", recorded[0], "--tokens", "middle")
