"""Tables in raw units: the command says in one line what to do, and ends."""

import time

import numpy as np
import pytest
from command_line import run

import relucvx as rx
from relucvx.cli.input import say_scale


def price_table(file, n=150):
    """Flats with prices in units as they come: metres, years, currency."""
    rng = np.random.default_rng(0)
    rooms = rng.integers(1, 9, n)
    area = rooms * 22 + rng.normal(0, 15, n) + 20
    year = rng.integers(1900, 2022, n)
    distance = rng.exponential(8000, n)
    price = 2100 * area + 900 * (year - 1900) - 6 * np.minimum(distance, 20000) + rng.normal(0, 25000, n)
    rows = ["rooms,area,year,distance,price"]
    rows += [",".join(f"{v:.6g}" for v in row) for row in zip(rooms, area, year, distance, price, strict=True)]
    file.write_text("\n".join(rows))
    return file


@pytest.mark.slow
def test_a_table_in_raw_units_ends_and_says_what_to_do(tmp_path):
    file, began = price_table(tmp_path / "table.csv"), time.monotonic()
    code, out, err = run("solve", file, "--target", "price", "--beta", "0.1")
    assert code in (0, 2)
    assert time.monotonic() - began < 120, "30 s, a busy machine and compiling included"
    assert len(err.splitlines()) == 1
    assert "of beta_max" in err
    assert "--standardize" in err
    assert "--beta-fraction 0.02" in err
    assert "<= p* <=" in out


def test_the_limit_is_said_and_can_be_given(tmp_path):
    file = price_table(tmp_path / "table.csv", 60)
    code, out, err = run("solve", file, "--target", "price", "--beta", "0.1", "--time-limit", "2")
    assert code in (0, 2)
    assert "of beta_max" in err
    assert code == 0 or "for more: --time-limit 20" in out or "TIME_LIMIT" not in out


def test_what_is_said_of_the_scale(capsys):
    problem = rx.make_problem([[1.0, 2.0], [2.0, -1.0]], [1.0, 2.0], 1.0)

    def said(beta, lo, hi, of=problem):
        say_scale(of, beta, lo, hi)
        return capsys.readouterr().err

    assert said(1.0, 10.0, 11.0) == ""
    assert said(1e-5, 10.0, 11.0) == ""
    assert "1e-11 of beta_max" in said(1e-10, 10.0, 11.0)
    assert "no neuron pays. Try --beta-fraction 0.02" in said(12.0, 10.0, 11.0)
    assert said(1.0, 0.0, 11.0) == ""
    wide = rx.make_problem([[1.0, 2e5], [2.0, -1e5]], [1.0, 2.0], 1.0)
    assert "column 1: up to 2e+05" in said(1.0, 10.0, 11.0, wide)
    assert said(1e-10, 10.0, 11.0, wide).count("\n") == 1


def test_strengths_of_a_path_are_looked_at(tmp_path):
    _, _, err = run("path", "planted:8x2", "--betas", "1e-8", "--time-limit", "1")
    assert "of beta_max" in err
    assert "ScaleWarning" not in err
