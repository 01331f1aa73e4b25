"""Raw rows predicted: as the network predicts the prepared ones, wherever the columns stand and whatever became of them."""

import numpy as np
import pandas as pd
import pytest

import relucvx as rx
from relucvx.errors import RelucvxError

RNG = np.random.default_rng(0)
RAW = RNG.standard_normal((30, 3)) * [1.0, 50.0, 0.1] + [0.0, 10.0, 3.0]
KIND = np.where(RAW[:, 0] > 0, "warm", "cold")
FRAME = pd.DataFrame(RAW, columns=["a", "b", "c"]).assign(kind=KIND)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A solution of a table, saved and loaded; its data set; the folder."""
    folder = tmp_path_factory.mktemp("prediction")
    FRAME.to_csv(folder / "table.csv", index=False)
    data = rx.datasets.read_table(folder / "table.csv", standardize=True, components=2)
    sol = rx.solve(data, beta=2.0, bias="all", tol=1e-3)
    return rx.load(sol.save(folder / "best.npz")), data, folder


def test_rows_of_every_kind_agree(stored):
    sol, data, folder = stored
    expected = sol.network.predict(data.X)
    shuffled = FRAME[["c", "kind", "a", "b"]].assign(other="text")
    shuffled.to_parquet(folder / "new.parquet")
    shuffled.to_csv(folder / "new.csv", sep=";", decimal=",", index=False)
    FRAME[["a", "b", "c"]].to_csv(folder / "bare.csv", index=False, header=False)
    FRAME.to_csv(folder / "whole.csv", index=False, header=False)
    for rows in (
        RAW, FRAME, shuffled, folder / "table.csv", folder / "new.parquet", folder / "new.csv",
    ):  # fmt: skip
        found = rx.predict(sol, rows)
        np.testing.assert_allclose(found.outputs[:, 0], expected, rtol=1e-9, atol=1e-12)
        assert set(found.values) <= {"warm", "cold"}
        assert (found.values == np.where(expected > 0, "warm", "cold")).all()
        known = not isinstance(rows, np.ndarray)
        assert found.accuracy == (np.mean(found.values == KIND) if known else None)
    for name in ("bare.csv", "whole.csv"):
        np.testing.assert_allclose(rx.predict(sol, folder / name, header=False).outputs[:, 0], expected, rtol=1e-9)


def test_the_solution_says_what_it_is_about(stored):
    sol, data, _ = stored
    assert "3 columns standardised, 2 principal components; objective and bounds are of the problem on these" in str(
        sol
    )
    np.testing.assert_array_equal(sol.problem.preparation(RAW), data.X)
    assert sol.problem.preparation.classes == ("cold", "warm")
    plain = rx.solve(data.X, data.Y, 2.0, bias="all", tol=1e-3)
    assert plain.objective == pytest.approx(sol.objective, rel=1e-3)  # a preparation changes no problem
    assert "inputs" not in str(plain)
    for made in rx.beta_path(data, betas=[3.0, 2.0], bias="all", tol=1e-3):
        assert made.problem.preparation is data.preparation
    assert rx.certify(sol, data, beta=2.0, bias="all", dual=sol.dual).upper == pytest.approx(sol.objective)


def test_numbers_come_in_the_targets_units(tmp_path):
    data = rx.datasets.load("diabetes", components=1)
    sol = rx.solve(data, beta=20.0, bias="all", tol=1e-2)
    raw = rx.datasets.load("diabetes", standardize=False, standardize_target=False)
    found = rx.predict(sol, raw.X)
    assert 100 < found.values.mean() < 200
    frame = pd.DataFrame(raw.X, columns=raw.feature_names).assign(progression=raw.Y)
    assert rx.predict(sol, frame).mean_squared_error is None  # the set did not name its target
    np.testing.assert_allclose(rx.predict(sol, frame).values, found.values)


def test_without_a_preparation_rows_are_those_of_the_problem():
    sol = rx.solve([[1.0], [2.0], [-1.0]], [1.0, 2.0, 0.5], 0.5)
    found = rx.predict(sol, [[3.0], [4.0]])
    np.testing.assert_allclose(found.values, sol.network.predict([[3.0], [4.0]]))
    assert list(found.to_frame().columns) == ["prediction"]
    assert found.facts() == {"rows": 2}


def test_one_class_against_the_rest(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    sol = rx.solve(rx.datasets.read_table(tmp_path / "t.csv", one_vs_rest="cold", standardize=True), beta=2.0, tol=1e-2)
    found = rx.predict(sol, tmp_path / "t.csv")
    assert set(found.truth) == {"cold", "rest"}
    assert found.accuracy > 0.8


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f.drop(columns="b"), {}, "columns a, b, c in .*received no b among a, c, kind"),
        (lambda f: f, {"decimal": "x"}, "decimal"),
        (lambda f: f.assign(b="high"), {}, "'high' in column 'b', line 2"),
        (lambda f: f.assign(a=[np.nan, *f.a[1:]]), {}, "missing values"),
    ],
)
def test_refusals(stored, tmp_path, change, options, message):
    change(FRAME).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(RelucvxError, match=message):
        rx.predict(stored[0], tmp_path / "new.csv", **options)


def test_other_refusals(stored, tmp_path):
    with pytest.raises(RelucvxError, match="raw rows of 3 columns: a, b, c; received 2 columns"):
        rx.predict(stored[0], RAW[:, :2])
    with pytest.raises(RelucvxError, match="solution to be a Solution"):
        rx.predict(stored[0].network, RAW)
    with pytest.raises(RelucvxError, match="a preparation that gives the 3 columns of X"):
        rx.make_problem(RAW, KIND == "warm", 1.0, preparation=stored[1].preparation)
    (tmp_path / "bare.csv").write_text("1,2\n3,4\n5,7\n")
    with pytest.raises(RelucvxError, match="header=False for a file without names"):
        rx.predict(stored[0], tmp_path / "bare.csv")
    with pytest.raises(RelucvxError, match=r"3 columns, or 4 as in the data's own file in .*; received 2"):
        rx.predict(stored[0], tmp_path / "bare.csv", header=False)
