"""Bands over all strengths: valid at every beta whatever stopped them, as narrow as asked for, resumed."""

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

import relucvx as rx
from relucvx import datasets
from relucvx.errors import DataFileError, InvalidInputError

X, Y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
"""y = |x|: p*(beta) = 2 beta - beta²/5 up to 5, and 5 from there on."""


def closed(beta):
    """p*, exactly."""
    beta = min(Fraction(float(beta)), Fraction(5))
    return 2 * beta - beta**2 / 5


def assert_holds(band, count=200):
    """The band contains the closed form at many strengths, in exact arithmetic."""
    at = np.clip(np.geomspace(band.lo, band.hi, count), band.lo, band.hi)
    for beta, low, high in zip(at, band.lower(at), band.upper(at), strict=True):
        assert Fraction(float(low)) <= closed(beta) <= Fraction(float(high)), beta
        assert low == 0.0 or high - low <= band.width * low


def test_the_closed_form_is_inside_everywhere_also_above_beta_max():
    band = rx.beta_band(X, Y, 0.05, 9.0, tol=1e-4)
    assert band.status is rx.Status.CONVERGED
    assert band.width <= band.tol == 1e-4
    assert_holds(band)
    moved = rx.beta_band(X, Y, 0.05, 9.0, tol=1e-2)
    object.__setattr__(moved, "envelope", rx.beta_band(2 * np.array(X), Y, 0.05, 9.0, tol=1e-2).envelope)
    with pytest.raises(AssertionError):
        assert_holds(moved)


@pytest.mark.parametrize(("loss", "bias"), [("squared", "free"), ("hinge", "none"), ("cross_entropy", "none")])
def test_fresh_strengths_are_inside(loss, bias):
    rng = np.random.default_rng(1)
    points = rng.standard_normal((9, 2))
    targets = {"squared": rng.standard_normal(9) + 5.0, "cross_entropy": np.arange(9) % 3}.get(
        loss, 2.0 * (np.arange(9) % 2) - 1.0
    )
    top = rx.beta_max(points, targets, loss=loss, bias=bias)[1]
    band = rx.beta_band(points, targets, 0.1 * top, 1.1 * top, tol=5e-3, loss=loss, bias=bias)
    assert band.status is rx.Status.CONVERGED
    for beta in rng.uniform(band.lo, band.hi, 4):
        proof = rx.solve(points, targets, beta, loss=loss, bias=bias, tol=1e-7).certificate
        assert band.lower(beta) <= proof.upper
        assert band.upper(beta) >= proof.lower


def test_bags_have_bands():
    bags = np.random.default_rng(0).standard_normal((6, 3, 2))
    band = rx.beta_band(bags, np.arange(6.0), tol=5e-2, pooling="mean")
    proof = rx.solve(bags, np.arange(6.0), 0.3 * band.hi, pooling="mean").certificate
    assert band.hi == 1000.0 * band.lo
    assert band.lower(0.3 * band.hi) <= proof.upper
    assert band.upper(0.3 * band.hi) >= proof.lower


def test_constant_targets_have_the_band_zero():
    band = rx.beta_band(X, [0.0, 0.0, 0.0, 0.0])
    assert (band.width, band.lower(band.lo), band.upper(band.hi)) == (0.0, 0.0, 0.0)


def test_what_is_cut_off_is_wider_and_holds():
    short = rx.beta_band(X, Y, 0.05, 9.0, tol=1e-6, time_limit=1e-6)
    assert short.status is rx.Status.TIME_LIMIT
    assert_holds(short)
    seen = []
    stopped = rx.beta_band(X, Y, 0.05, 9.0, tol=1e-6, callback=lambda state: seen.append(state) or len(seen) == 3)
    assert stopped.status is rx.Status.INTERRUPTED
    assert len(stopped.knots) == 3 == seen[-1].knots
    assert seen[-1].width == stopped.width
    assert_holds(stopped)

    def press(state):
        raise KeyboardInterrupt

    with pytest.raises(rx.Interrupted) as caught:
        rx.beta_band(X, Y, 0.05, 9.0, callback=press)
    assert len(caught.value.result.knots) == 1
    assert_holds(caught.value.result)
    again = rx.beta_band(X, Y, tol=1e-3, resume=caught.value.result)
    assert (again.lo, again.hi, again.status) == (0.05, 9.0, rx.Status.CONVERGED)
    assert_holds(again)


def test_resuming_solves_nothing_again():
    band, solved = rx.beta_band(X, Y, 0.1, 4.0, tol=1e-3), []
    same = rx.beta_band(band.problem, resume=band, callback=lambda state: solved.append(state.beta))
    assert solved == []
    assert same.width == band.width
    finer = rx.beta_band(band.problem, lo=0.01, hi=8.0, tol=1e-4, resume=band, callback=lambda s: solved.append(s.beta))
    assert not set(solved) & {sol.problem.beta for sol in band.knots}
    assert len(finer.knots) == len(band.knots) + len(solved)
    assert finer.width <= 1e-4
    assert_holds(finer)
    inner = rx.beta_band(band.problem, lo=0.5, hi=2.0, resume=band)
    assert len(inner.knots) == len(band.knots)
    assert_holds(inner)


class Losing(Executor):
    """Loses every second task for good."""

    def __init__(self):
        self.count = 0

    def submit(self, function, /, *args, **options):
        self.count += 1
        out = Future()
        if self.count % 2:
            out.set_exception(OSError("gone"))
        else:
            out.set_result(function(*args, **options))
        return out


def test_strengths_are_solved_elsewhere_and_here_where_they_are_lost():
    with ThreadPoolExecutor(2) as pool:
        assert_holds(rx.beta_band(X, Y, 0.1, 8.0, executor=pool, n_jobs=1))
    band = rx.beta_band(X, Y, 0.1, 8.0, executor=Losing())
    assert band.width <= 1e-3
    assert_holds(band)


def test_what_cannot_be_proven_stalls_instead_of_going_on_for_ever(monkeypatch):
    import relucvx._api.refinement as module

    true = module.solve_posed

    def loose(problem, tol, *rest):
        return true(problem, 0.05, *rest)

    monkeypatch.setattr(module, "solve_posed", loose)
    data = datasets.planted(12, 2)
    top = rx.beta_max(data.X, data.Y)[1]
    band = rx.beta_band(data.X, data.Y, 0.02 * top, 0.2 * top, tol=1e-5)
    assert band.status in (rx.Status.STALLED, rx.Status.CONVERGED)
    assert len(band.knots) < 60


def test_tables_and_figures_show_the_band():
    band = rx.beta_band(X, Y, 0.1, 4.0)
    table = band.to_frame()
    assert list(table) == ["beta", "lower", "upper", "width", "knot"]
    assert int(table.knot.sum()) == len(band.knots)
    assert table.width.max() <= band.width
    assert len(band.to_frame(7)) == 7
    assert band.to_frame([1.0, 2.0]).beta.tolist() == [1.0, 2.0]
    ax = band.plot()
    assert ax.get_xscale() == "log"
    assert band.plot(ax, width=True) is ax
    assert "knots" in repr(band)
    assert band.to_dict()["status"] == "CONVERGED"
    grid = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert band.lower(grid).shape == band.upper(grid).shape == (2, 2)
    assert band.lower(grid)[0, 1] == band.lower(2.0)


def test_errors_say_what_to_type():
    band = rx.beta_band(X, Y, 0.1, 4.0)
    with pytest.raises(InvalidInputError, match=r"strengths between 0\.1 and 4"):
        band.lower(5.0)
    with pytest.raises(InvalidInputError, match="lo < hi"):
        rx.beta_band(X, Y, 4.0, 0.1)
    with pytest.raises(InvalidInputError, match="tol strictly between 0 and 1"):
        rx.beta_band(X, Y, 0.1, 4.0, tol=2.0)
    with pytest.raises(InvalidInputError, match="resume to be a BetaBand"):
        rx.beta_band(X, Y, 0.1, 4.0, resume="band.npz")
    with pytest.raises(InvalidInputError, match="resume to be a band of this very problem"):
        rx.beta_band(X, Y[::-1], 0.1, 4.0, bias="hidden", resume=band)


def test_saved_bands_are_proven_again_and_resumed(tmp_path):
    band = rx.beta_band(X, Y, 0.1, 4.0)
    stored = rx.load_band(band.save(tmp_path / "band"))
    assert (stored.proven, stored.width, len(stored.knots)) == (False, band.width, len(band.knots))
    assert "as stored" in repr(stored)
    assert stored.lower(1.0) == band.lower(1.0)
    solved = []
    again = rx.beta_band(stored.problem, resume=stored, callback=lambda state: solved.append(state.beta))
    assert solved == []
    assert again.proven
    assert again.width <= 1e-3
    assert_holds(again)


def test_what_a_file_claims_is_not_believed(tmp_path):
    band = rx.beta_band(X, Y, 0.1, 4.0)
    with np.load(band.save(tmp_path / "band.npz")) as file:
        arrays = dict(file)
    forged = {**arrays, "lowers": 1.01 * arrays["lowers"], "penalties": 0.9 * arrays["penalties"]}
    for name in arrays:
        if name.endswith("_dual"):
            forged[name] = 1.1 * arrays[name]
    np.savez(tmp_path / "forged.npz", **forged)
    assert_holds(rx.beta_band(X, Y, tol=0.5, resume=rx.load_band(tmp_path / "forged.npz")))
    for name, value, why in (
        ("band", np.array("{}"), "without the entry 'format'"),
        ("lowers", np.array([np.nan]), "nan at row 0"),
        ("0_dual", np.ones((3, 1)), "a dual point of shape"),
        ("band", np.array(str(arrays["band"]).replace('"format": 1', '"format": 9')), "format 9"),
    ):
        np.savez(tmp_path / "bad.npz", **{**arrays, name: value})
        with pytest.raises(DataFileError, match=f"a band saved by relucvx.*{why}"):
            rx.load_band(tmp_path / "bad.npz")
    rx.solve(X, Y, 1.0).save(tmp_path / "solution.npz")
    with pytest.raises(DataFileError, match="without the entry 'band'"):
        rx.load_band(tmp_path / "solution.npz")
    with pytest.raises(DataFileError, match="a band saved by relucvx; received no file"):
        rx.load_band(tmp_path / "none.npz")
