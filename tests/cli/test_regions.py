"""``relucvx regions`` as a user meets it, and how commands come by a network."""

import io
import json

import numpy as np
import pytest
from command_line import refused, run
from rich.console import Console

import relucvx as rx
from relucvx.cli.input import Source
from relucvx.cli.network import as_classes, counted, load_weights, mlp, obtain_network, outputs_of, train_mlp, widths_of
from relucvx.cli.regions import axis_names, corners_of, spanning
from relucvx.errors import DataFileError, InvalidInputError
from relucvx.metrics import slice_regions

torch = pytest.importorskip("torch")
QUICK = ("--epochs", "3", "--width", "6", "--paths", "4")


# ---------------------------------------------------------------------- regions
def test_prints_regions_per_layer_on_a_triangle_and_between_classes(tmp_path):
    file = tmp_path / "slice.png"
    code, out, err = run("regions", "iris", *QUICK, "--plot", file)
    assert (code, err) == (0, "")
    head, *rows = out.splitlines()
    assert head == "iris: 150 samples x 4 features"
    labels = [row[:17].strip() for row in rows]
    assert labels == [
        "network", "accuracy", "slice", "regions", "after each layer", "area", "eccentricity", "boundary", "segments",
        "folding", "between classes", "saved",
    ]  # fmt: skip
    assert "4 -> 6 -> 6 -> 6 -> 3, trained here" in rows[0]
    assert "the triangle through samples" in rows[2]
    assert all(name in rows[2] for name in ("setosa", "versicolor", "virginica"))
    assert file.read_bytes().startswith(b"\x89PNG")


def test_json_is_what_the_metric_says(tmp_path):
    source, file = Source("iris"), tmp_path / "weights.pt"
    module, X, _, _ = obtain_network(source, depth=3, width=6, epochs=3)
    torch.save(module.state_dict(), file)
    code, out, err = run("regions", "iris", *QUICK, "--through", "1,60,120", "--json")
    assert (code, err) == (0, "")
    found, direct = json.loads(out), slice_regions(module, X[[1, 60, 120]])
    assert found["n_regions"] == direct.n_regions
    assert found["per_layer"] == list(direct.per_layer)
    assert found["area"] == pytest.approx(direct.areas.sum())
    assert found["boundary_length"] == pytest.approx(direct.boundary_length)
    assert found["through"] == [1, 60, 120]
    assert found["hidden"] == [6, 6, 6]
    assert found["segments"]["line_regions"] >= 1
    assert found["segments"]["classes"]["matrices"]["labels"] == ["setosa", "versicolor", "virginica"]
    stored = json.loads(run("regions", "iris", "--paths", "4", "--through", "1,60,120", "--json", "--weights", file)[1])
    for key in ("n_regions", "per_layer", "area", "segments", "accuracy", "hidden"):
        assert stored[key] == found[key]
    assert stored["epochs"] is None
    assert "taken to have ReLU between its layers" in stored["network"]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("spiral:20",), "the plane of columns 0 and 1"),
        (("iris", "--plane", "2,0"), "the plane of columns 2 and 0"),
        (("iris", "--plane", "pca"), "the plane of two principal components"),
        (("diabetes", "--samples", "60"), "the triangle through samples"),
    ],
)
def test_planes(args, text, tmp_path):
    file = tmp_path / "slice.svg"
    code, out, err = run("regions", *args, *QUICK, "--plot", file, "--color", "area")
    assert (code, err) == (0, "")
    assert text in out
    assert file.read_text().startswith("<?xml")
    if args[0] == "diabetes":
        assert "squared error" in out
        assert "between classes" not in out


def test_a_saved_solution_brings_its_data(tmp_path):
    file = tmp_path / "solution.npz"
    assert run("solve", "planted:30x2", "--beta-fraction", "0.1", "--out", file)[0] == 0
    code, out, err = run("regions", "--weights", file, "--paths", "2", "--json")
    assert (code, err) == (0, "")
    found, solution = json.loads(out), rx.load(file)
    assert found["hidden"] == [solution.network.width]
    assert found["data"] == str(file)
    assert found["samples"] == 30
    assert found["accuracy"] is None
    assert found["squared_error"] >= 0
    assert len(found["per_layer"]) == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["iriss"], "received 'iriss'; try: iris"),
        (["iris", "--plot", "no/such/folder.png"], "the folder does not exist; try: mkdir -p no/such"),
        (["iris", "--plot", "slice.xyz"], "a figure in a format among"),
        (["iris", "--color", "pink"], "--color among region, area, eccentricity, none; received 'pink'"),
        (["iris", "--through", "1,2"], "3 different whole numbers separated by commas for --through"),
        (["iris", "--through", "1,2,2"], "3 different whole numbers"),
        (["iris", "--through", "1,2,x"], "3 different whole numbers"),
        (["iris", "--plane", "a,b"], "2 different whole numbers separated by commas for --plane"),
        (["iris", "--plane", "0,1", "--through", "1,2,3"], "--through or --plane; received both"),
        (["iris", "--hidden", "8,x"], "whole numbers separated by commas for --hidden"),
        (["iris", "--hidden", "8,0"], "a hidden width to be an int >= 1; received 0"),
        (["iris", *QUICK, "--through", "1,2,150"], "rows below 150, the number of samples"),
        (["iris", *QUICK, "--plane", "0,4"], "columns below 4 for --plane; received 4"),
        (["iris", *QUICK, "--components", "1"], "inputs of at least two columns; received one"),
        (["iris", *QUICK, "--samples", "2"], "three samples that are not on one line; received 2 samples"),
        (["iris", "--weights", "weights.pt"], "a torch state dict; received no file weights.pt"),
        (["iris", "--weights", "weights.npz"], "a solution saved by relucvx; received no file"),
        (["iris", "--weights", "data.csv"], "received data.csv; likely cause: data, which come before --weights"),
        (["iris", "--plot", "folder.png"], "a file to write; received folder.png, a folder; try: folder.png/name"),
        (["iris", "--samples", "1"], "at least two samples, to draw segments between; received 1"),
        (["same.csv"], "samples that differ; received the same one 10 times"),
        (["iris", "--epochs", "0"], "Invalid value for '--epochs'"),
    ],
)
def test_bad_input_is_explained_with_code_1(args, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("relucvx.cli.network.train_mlp", lambda *a, **k: pytest.fail("trained before it was checked"))
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "same.csv").write_text("a,b,y\n" + "1,2,0\n1,2,1\n" * 5)
    assert message in refused("regions", *args)


def test_corners_are_of_different_classes_and_not_on_a_line():
    X = np.repeat(np.arange(4.0)[:, None], 2, axis=1)
    with pytest.raises(InvalidInputError, match="three samples that are not on one line"):
        corners_of(X, None, 0)
    X[3, 1] = 0.0
    assert 3 in corners_of(X, None, 0)
    rng = np.random.default_rng(0)
    labels = np.array([0] * 50 + [1, 2])
    assert corners_of(rng.standard_normal((52, 3)), labels, 0)[1:] == [50, 51]


def test_spanning_planes_hold_the_data():
    X = np.random.default_rng(0).standard_normal((30, 5))
    for chosen in ([3, 1], "pca"):
        origin, axes, extent, _ = spanning(X, chosen)
        uv = (X - origin) @ axes.T
        assert (uv > [extent[0], extent[2]]).all()
        assert (uv < [extent[1], extent[3]]).all()
        np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose((X - spanning(X, [3, 1])[0]) @ np.eye(5)[[3, 1]].T, X[:, [3, 1]])


# ---------------------------------------------------------------------- where a network comes from
@pytest.mark.parametrize(
    ("Y", "expected", "names"),
    [
        ([-1.0, 1.0, 1.0], [0, 1, 1], ("-1", "1")),
        ([3.0, 3.0, 7.0, 7.0], [0, 0, 1, 1], ("3", "7")),
        ([[0.0, 1.0], [1.0, 0.0]], [1, 0], ("0", "1")),
        ([[1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]], [0, 2], ("0", "1", "2")),
        ([[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]], [1, 2, 0], ("-1,-1", "1,-1", "1,1")),
        ([0.5, 1.0, 1.0], None, ()),
        ([1.0, 2.0, 3.0], None, ()),  # numbers that do not repeat
        ([1.0, 1.0, 1.0], None, ()),
        (np.repeat(np.arange(21.0), 3), None, ()),  # many
        ([1999.0, 1999.0, 2001.0, 2001.0], None, ()),  # years
    ],
)
def test_which_targets_are_classes(Y, expected, names):
    labels, found = as_classes(np.array(Y))
    assert (None if labels is None else labels.tolist()) == expected
    assert found == names
    if expected is not None:
        named = [f"class {k}" for k in range(len(names))]
        assert as_classes(np.array(Y), named)[1] == tuple(named)


def test_training_is_reproducible_and_leaves_torch_alone():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 3))
    y = (X[:, 0] > 0).astype(int)
    state = torch.get_rng_state()
    one, two = (train_mlp(X, y, [8, 8], epochs=60, seed=3) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(outputs_of(one, X), outputs_of(two, X))
    assert (outputs_of(one, X).argmax(axis=1) == y).mean() > 0.95
    assert not one.training
    other = train_mlp(X, y, [8, 8], epochs=60, seed=4)
    assert not np.array_equal(outputs_of(one, X), outputs_of(other, X))
    numbers = train_mlp(X, X @ np.ones((3, 2)), [16], epochs=200, seed=0)
    assert np.mean((outputs_of(numbers, X) - X @ np.ones((3, 2))) ** 2) < 0.1


def test_a_state_dict_comes_back_as_the_network_it_was(tmp_path):
    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(4, 7), nn.ReLU(), nn.Sequential(nn.Linear(7, 5, bias=False), nn.ReLU()), nn.Linear(5, 3)
    )
    X = np.random.default_rng(0).standard_normal((9, 4))
    expected = model.double()(torch.from_numpy(X)).detach().numpy()
    for k, content in enumerate((model.state_dict(), {"state_dict": model.state_dict(), "epoch": 3})):
        torch.save(content, tmp_path / f"{k}.pt")
        np.testing.assert_allclose(outputs_of(load_weights(tmp_path / f"{k}.pt"), X), expected, atol=1e-14)
    torch.save({name: value.float() for name, value in model.state_dict().items()}, tmp_path / "single.pth")
    np.testing.assert_allclose(outputs_of(load_weights(tmp_path / "single.pth"), X), expected, atol=1e-5)


class Unsafe:
    """Something that only unpickling could bring back."""


def state_files(nn):
    """Content of files that are not the weights of an MLP, and what is said about them."""
    conv = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Linear(2, 2)).state_dict()
    norm = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1)).state_dict()
    apart = {"a.weight": torch.zeros(3, 2), "b.weight": torch.zeros(2, 4)}
    return {
        "module": (nn.Linear(2, 2), "a torch state dict: tensors by name"),
        "object": ({"x": Unsafe()}, "a torch state dict: tensors by name"),
        "tensor": (torch.zeros(3), "tensors by name in .*received a Tensor"),
        "empty": ({}, "tensors by name in .*received no entries"),
        "quantised": (
            {"a.weight": torch.ones(3, 2, dtype=torch.int8)},
            "floating point in .*received 'a.weight' of torch.int8",
        ),
        "numbers": ({"epoch": 3, "loss": 0.1}, "tensors by name in .*received entries epoch, loss"),
        "conv": (conv, r"weights of an MLP.*'0.weight' of shape \(2, 1, 3, 3\)"),
        "norm": (norm, r"weights of an MLP.*'1.weight' of shape \(2,\)"),
        "apart": (apart, r"weights of an MLP.*'b.weight' of shape \(2, 4\)"),
        "bias": ({"a.bias": torch.zeros(3)}, "weights of an MLP.*'a.bias'"),
        "long": ({"a.weight": torch.zeros(3, 2), "a.bias": torch.zeros(2)}, "weights of an MLP.*'a.bias'"),
    }


@pytest.mark.parametrize("name", list(state_files(torch.nn)))
def test_weights_of_the_wrong_kind(name, tmp_path):
    content, message = state_files(torch.nn)[name]
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(DataFileError, match=message):
        load_weights(tmp_path / "weights.pt")


def test_files_of_the_wrong_kind(tmp_path):
    (tmp_path / "text.pt").write_text("no weights at all")
    with pytest.raises(DataFileError, match=r"a torch state dict: tensors by name; received .*text\.pt"):
        load_weights(tmp_path / "text.pt")
    (tmp_path / "empty.pt").write_bytes(b"")
    with pytest.raises(DataFileError, match="a torch state dict"):
        load_weights(tmp_path / "empty.pt")
    with pytest.raises(DataFileError, match="pickle files can run code"):
        load_weights(tmp_path / "model.pkl")
    (tmp_path / "text.npz").write_text("no archive at all")
    with pytest.raises(DataFileError, match=r"received .*text\.npz: no \.npz archive") as found:
        load_weights(tmp_path / "text.npz")
    assert "pickle" not in str(found.value)  # numpy's advice is to open it unsafely
    np.savez(tmp_path / "data.npz", X=np.eye(3))
    with pytest.raises(DataFileError, match=r"data\.npz: without the entry 'meta'"):
        load_weights(tmp_path / "data.npz")


def test_what_is_undefined_is_said_in_words(tmp_path):
    (tmp_path / "line.csv").write_text("a,b,y\n0,0,0\n0,1,1\n1,0,0\n1,1,1\n")
    code, out, _ = run("regions", tmp_path / "line.csv", "--hidden", "1", "--epochs", "1")
    assert code == 0
    assert "between classes   no path folds" in out
    assert "nan" not in out
    code, out, _ = run("regions", tmp_path / "line.csv", "--hidden", "1", "--epochs", "1", "--target", "a")
    assert code == 0
    (tmp_path / "numbers.csv").write_text("a,b,y\n0,0,0.5\n0,1,1.5\n1,0,0\n1,1,2\n")
    code, out, _ = run("regions", tmp_path / "numbers.csv", "--hidden", "2", "--epochs", "1")
    assert code == 0
    assert "boundary          the largest output changes, or the sign of the only one, along a length of" in out


def test_weights_must_fit_the_data(tmp_path):
    torch.save(mlp([4, 5, 2]).state_dict(), tmp_path / "two.pt")
    torch.save(mlp([3, 5, 3]).state_dict(), tmp_path / "three.pt")
    with pytest.raises(InvalidInputError, match=r"weights for 4 inputs, the columns of iris; received .* for 3 inputs"):
        obtain_network(Source("iris"), weights=tmp_path / "three.pt")
    with pytest.raises(InvalidInputError, match=r"one output per class \(3\); received 2 outputs"):
        obtain_network(Source("iris"), weights=tmp_path / "two.pt")
    with pytest.raises(InvalidInputError, match="at least one hidden layer"):
        obtain_network(Source("iris"), hidden=[])
    assert widths_of(None) is None
    assert widths_of("3, 4") == [3, 4]


def test_the_bar_is_drawn_in_a_terminal_only():
    stream = io.StringIO()
    with counted("training", 10, Console(file=stream, force_terminal=True)) as tick:
        tick(5, "loss 1")
    assert "training loss 1" in stream.getvalue()
    quiet = io.StringIO()
    with counted("training", 10, Console(file=quiet, force_terminal=False)) as tick:
        tick(5, "loss 1")
    assert quiet.getvalue() == ""


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((None, 2, None), {"xlabel": "column 0", "ylabel": "column 1"}),
        (([3, 1], 5, None), {"xlabel": "column 3", "ylabel": "column 1"}),
        (("pca", 5, None), {"xlabel": "first principal component", "ylabel": "second principal component"}),
        ((None, 5, None), {}),
        ((None, 2, "0,1,2"), {}),
    ],
)
def test_axes_are_called_what_they_are(args, expected):
    assert axis_names(*args) == expected
