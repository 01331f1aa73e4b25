"""Bags of rows on the command line: images, graphs, series, long tables, and the files they leave."""

import json
import re

import numpy as np
import pytest
from command_line import refused, run

import relucvx as rx
from relucvx.cli.bags import windows


def facts(*args):
    code, out, err = run(*args, "--json")
    assert code == 0, err
    return json.loads(out)


def test_images_are_cut_into_windows_solved_saved_and_certified_again(tmp_path):
    file = tmp_path / "digits.npz"
    code, out, _ = run(
        "solve",
        "images:3x8",
        "--samples",
        "20",
        "--patches",
        "2,2",
        "--loss",
        "logistic",
        "--beta",
        "0.5",
        "--out",
        file,
    )
    assert code == 0
    assert "images:3x8: 20 samples x 16 rows x 4 features; logistic loss" in out
    assert "mean pooling" in out
    data = rx.datasets.images((3, 8))
    chosen = np.linspace(0, data.n_samples - 1, 20).round().astype(int)
    P = rx.patches(data.X[chosen], 2, 2)
    stored = rx.load(file)
    expected = rx.solve(P, data.Y[chosen], 0.5, loss="logistic", pooling="mean")
    assert stored.objective == pytest.approx(expected.objective, rel=1e-6)
    code, out, _ = run("certify", file)
    assert code == 0
    assert "20 samples of 320 rows x 4 features" in out
    assert "mean pooling" in out
    # another strength, from the file alone
    code, out, _ = run("solve", "--start", file, "--beta", "1")
    assert code == 0
    assert "mean pooling" in out


def test_read_outs_and_codings():
    images = ("solve", "images:0x1x2", "--samples", "9", "--patches", "2,4")
    flat = facts(*images, "--pooling", "flatten", "--loss", "logistic", "--beta", "1")
    assert flat["problem"]["pooling"] == "flatten"
    assert flat["problem"]["rows"] == 36
    signs = facts("solve", "images:3x8", "--samples", "8", "--patches", "2,4", "--loss", "cross_entropy", "--beta", "1")
    assert len(signs["dual"][0]) == 2


def test_graphs_and_series():
    data = rx.datasets.graphs(12, 2)
    found = facts("solve", "graphs:12x2", "--loss", "logistic", "--beta", "0.2")
    expected = rx.solve(data.X, data.Y, 0.2, loss="logistic", groups=data.groups)
    assert found["objective"] == pytest.approx(expected.objective, rel=1e-6)
    # fewer samples are whole graphs
    few = facts("solve", "graphs:12x2", "--samples", "3", "--loss", "logistic", "--beta", "0.2")
    assert few["problem"]["samples"] == 3
    assert few["problem"]["rows"] == sum(np.sum(data.groups == k) for k in (0, 6, 11))
    code, out, _ = run("path", "sequences:8x6x3", "--count", "2", "--pooling", "sum", "--smallest", "0.1")
    assert code == 0
    assert "8 samples x 4 rows x 3 features" in out
    assert "sum pooling" in out


def test_training_and_comparing_take_bags(tmp_path):
    code, out, _ = run(
        "train", "graphs:8x1", "--seeds", "1", "--width", "3", "--max-steps", "50", "--beta", "1", "--bias", "all"
    )
    assert code == 0
    assert "8 samples of" in out
    html = tmp_path / "report.html"
    code, out, err = run(
        "compare", "graphs:8x1", "--seeds", "1", "--width", "3", "--max-steps", "50", "--beta", "1", "--html", html
    )  # fmt: skip
    assert code == 0, err
    assert "global optimum                   holds" in out
    assert html.stat().st_size > 1000


def test_a_long_table_by_a_column_and_by_a_file(tmp_path):
    rng = np.random.default_rng(0)
    groups = np.array([0, 1, 1, 2, 2, 2, 3])
    rows, y = rng.standard_normal((7, 2)).round(3), np.array([1.0, -1.0, 2.0, 0.5])
    sol = rx.solve(rows, y, 0.2, groups=groups, pooling="sum")
    lines = ["graph,a,b,y"] + [f"g{g},{r[0]:.3f},{r[1]:.3f},{y[g]}" for g, r in zip(groups, rows, strict=True)]
    (tmp_path / "long.csv").write_text("\n".join(lines))
    np.save(tmp_path / "X.npy", rows)
    np.save(tmp_path / "y.npy", y)
    np.save(tmp_path / "g.npy", groups)
    by_column = facts("solve", tmp_path / "long.csv", "--groups", "graph", "--pooling", "sum", "--beta", "0.2")
    by_file = facts(
        "solve", tmp_path / "X.npy", "--target", tmp_path / "y.npy", "--groups", tmp_path / "g.npy", "--pooling", "sum",
        "--beta", "0.2",
    )  # fmt: skip
    assert by_column["objective"] == pytest.approx(sol.objective, rel=1e-6)
    assert by_file["objective"] == pytest.approx(sol.objective, rel=1e-6)
    # columns of all rows are standardised together
    scaled = facts("solve", tmp_path / "long.csv", "--groups", "graph", "--standardize", "--beta", "0.2")
    X = rx.datasets.standardize_columns(rows)[0]
    assert scaled["objective"] == pytest.approx(rx.solve(X, y, 0.2, groups=groups).objective, rel=1e-6)


@pytest.mark.parametrize("shape", [(6, 4, 4), (6, 1, 4, 4)])
def test_images_of_ones_own(tmp_path, shape):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal(shape), rng.standard_normal(6)
    np.savez(tmp_path / "a.npz", X=X, y=y)
    found = facts("solve", tmp_path / "a.npz", "--patches", "2,2", "--beta", "0.5")
    assert found["objective"] == pytest.approx(
        rx.solve(rx.patches(X, 2, 2), y, 0.5, pooling="mean").objective, rel=1e-6
    )
    if len(shape) == 3:  # without windows: bags of rows
        bags = facts("solve", tmp_path / "a.npz", "--beta", "0.5", "--pooling", "sum")
        assert bags["objective"] == pytest.approx(rx.solve(X, y, 0.5, pooling="sum").objective, rel=1e-6)


def test_windows():
    assert windows("3") == ((3, 3), (1, 1), (0, 0))
    assert windows("3,2,1") == ((3, 3), (2, 2), (1, 1))
    assert windows("1x5,2,0x3") == ((1, 5), (2, 2), (0, 3))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("solve", "images:3x8"), "try: --patches 2,2"),
        (("solve", "images:3x8", "--patches", "a"), "each a number or HEIGHTxWIDTH; received 'a'"),
        (("solve", "images:3x8", "--patches", "1,1,1,1"), "each a number or HEIGHTxWIDTH"),
        (
            ("solve", "images:3x8", "--patches", "9"),
            "windows within 8 x 8 pixels, padding included.*received 9 x 9; try: --patches 2",
        ),
        (("solve", "images:3x8", "--patches", "2,0"), "stride as a whole number of at least 1"),
        (("solve", "images:3x8", "--patches", "2", "--standardize"), "a table for standardize"),
        (("solve", "images:3x8", "--patches", "2,2", "--pooling", "max"), "try: --pooling mean"),
        (("solve", "iris", "--patches", "2"), "relucvx solve images:3x8 --patches 2,2"),
        (("solve", "graphs:5x2", "--patches", "2"), r"received graphs: X of shape"),
        (("solve", "iris", "--pooling", "mean"), "--patches 2,2 or --groups COLUMN"),
        (("solve", "graphs:5x2", "--pooling", "flatten"), "bags of equal size"),
        (("solve", "planted:9x2", "--groups", "a"), "received groups"),
        (("patterns", "graphs:5x2"), "a table, a row for each sample, for the patterns"),
        (("profile", "graphs:5x2"), "relucvx solve, path, train or compare, which take bags"),
        (("regions", "graphs:5x2"), "for looking inside networks"),
    ],
)
def test_what_does_not_fit_is_refused(args, message):
    assert re.search(message, refused(*args))


def test_networks_of_bags_are_not_looked_into(tmp_path):
    file = rx.solve([[[1.0], [2.0]], [[0.5], [1.0]]], [1.0, 2.0], 0.5, pooling="mean").save(tmp_path / "s.npz")
    assert "samples of one row each" in refused("regions", "--weights", file)
