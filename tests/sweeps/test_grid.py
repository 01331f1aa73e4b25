"""Keys: the same for the same cell, whatever is around it, and another for anything else."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.sweeps.grid import as_grid, content

X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
Y = np.array([2.0, 1.0, 1.0, 2.0])
ONE = {
    "data": (X, Y), "beta_fraction": 0.1, "beta": None, "loss": "squared", "bias": "none", "activation": "relu", "width": None,
    "seeds": None, "training": None, "tol": 1e-6,
}  # fmt: skip


def keys(**changes):
    """Keys of the cells of a grid with these changes."""
    return [cell.key for cell in as_grid(**{**ONE, **changes}).cells]


def test_keys_are_of_what_is_in_a_cell():
    (key,) = keys()
    assert len(key) == 20
    for alike in (
        {"data": {"named": (X.tolist(), Y.tolist())}},
        {"data": (X.astype(int), Y.astype(np.float32))},
        {"activation": (0.0, 1.0)},
        {"bias": False},
        {"width": 3, "seeds": 2},
        {"beta_fraction": np.array([0.1])},
    ):
        assert keys(**alike) == [key], alike
    others = [
        {"data": (X + 1e-15, Y)}, {"data": (X, Y[::-1] + 1e-15)}, {"data": (X[:3], Y[:3])}, {"beta_fraction": 0.11},
        {"beta_fraction": None, "beta": 0.1}, {"loss": "huber"}, {"bias": "all"}, {"activation": "abs"}, {"tol": 1e-7},
    ]  # fmt: skip
    assert len({key, *(keys(**other)[0] for other in others)}) == 1 + len(others)


def test_keys_are_the_same_on_every_machine():
    # of this version: another key is another cell to every folder that there is
    assert keys() == ["9f15530dca0b9791d0b9"]


def test_values_given_twice_count_once():
    losses = [cell.base.settings["loss"] for cell in as_grid(**{**ONE, "loss": ["squared", "huber", "squared"]}).cells]
    assert losses == ["squared", "huber"]


def test_a_pair_of_slopes_is_one_activation():
    for given, count in (((0.1, 1.0), 1), ([(0.1, 1.0), "relu"], 2), (["relu", "abs"], 2), (("relu", "abs"), 2)):
        assert len(keys(activation=given)) == count


def test_rows_of_bags_count():
    rng = np.random.default_rng(0)
    rows, y = rng.standard_normal((6, 2)), rng.standard_normal(3)
    one, two = ([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 2])
    found = [
        content(rx.make_problem(rows, y, 1.0, groups=groups, pooling=kind))
        for groups in (one, two)
        for kind in ("mean", "sum")
    ]
    assert len(set(found)) == 4


def test_how_networks_are_trained_is_a_word():
    assert as_grid(**ONE).how == ""
    one, two = (as_grid(**{**ONE, "width": 2, "training": {"optimizer": "adam", "max_steps": k}}).how for k in (1, 2))
    assert one != two
    assert as_grid(**{**ONE, "width": [2, 2, 3], "seeds": [4, 4]}).size == 3
    with pytest.raises(rx.RelucvxError, match="a seed to be an int"):
        as_grid(**{**ONE, "width": 2, "seeds": [-1]})
