"""Sweeps: every cell is what its own call gives, is stored once, and survives whatever ends the run."""

import json

import numpy as np
import pytest

import relucvx as rx
from relucvx._api import many
from relucvx.errors import ClusterError, DataFileError, InvalidInputError
from relucvx.results import whole_lines
from relucvx.sweeps import work

ABS = ([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0])
STEP = ([[-1.0], [0.5], [1.5]], [0.0, 1.0, -1.0])
GRID = {"data": {"abs": ABS, "step": STEP}, "beta_fraction": [0.6, 0.2], "bias": ["none", "all"], "n_jobs": 1}
SMALL = {**GRID, "bias": "none"}
SECONDS = ["seconds"]


def plain(found):
    """The table without what depends on the machine."""
    return found.to_frame().drop(columns=SECONDS)


def same(one, other):
    """Whether two tables agree in every digit."""
    return plain(one).equals(plain(other))


def lines(folder):
    """Records of a folder, without the first line."""
    return [json.loads(line) for line in whole_lines(folder / "cells.jsonl")[1:]]


def forgets(monkeypatch, name="optimum"):
    """Count the calls of a piece of work."""
    calls, before = [], getattr(work, name)

    def counted(problem, **given):
        calls.append(problem)
        return before(problem, **given)

    monkeypatch.setattr(work, name, counted)
    return calls


def test_cells_are_what_their_own_calls_give():
    found = rx.sweep(**GRID)
    assert found.certified
    rows = iter(found)
    for X, y in (ABS, STEP):
        for bias in ("none", "all"):
            top = rx.beta_max(X, y, bias=bias)[0]
            for share in (0.6, 0.2):
                problem = rx.make_problem(X, y, share * top, bias=bias)
                sol, row = rx.solve(problem, time_limit=60.0), next(rows)
                assert (row["kind"], row["beta_fraction"], row["beta"]) == ("optimum", share, problem.beta)
                assert (row["upper"], row["lower"]) == (sol.certificate.upper, sol.certificate.lower)
                assert (row["neurons"], row["certified"], row["width"]) == (sol.network.width, True, None)


def test_trained_networks_are_held_against_the_floor_of_their_problem():
    found = rx.sweep(STEP, beta_fraction=0.05, width=[1, 3], seeds=[1, 4], n_jobs=1)
    optimum, *rows = found
    problem = rx.make_problem(*STEP, optimum["beta"])
    expected = [(width, run) for width in (1, 3) for run in rx.train(problem, width=width, seeds=[1, 4], n_jobs=1)]
    for row, (width, run) in zip(rows, expected, strict=True):
        assert (row["kind"], row["width"], row["seed"], row["status"]) == ("trained", width, run.seed, run.status.name)
        assert row["upper"] == pytest.approx(run.objective, rel=1e-12)
        # no trained network is below the floor, and its gap is to that floor
        assert row["upper"] >= row["lower"] == optimum["lower"]
        assert row["gap"] == row["upper"] - row["lower"]
        assert row["rel_gap"] == rx.certify(run.network, problem, dual=rx.solve(problem).dual).rel_gap
        assert row["certified"] is bool(row["rel_gap"] <= found.tol)
    assert {row["certified"] for row in rows} == {True, False}


def test_strengths_as_they_are():
    found = rx.sweep(ABS, beta=[1.0, 2.0], n_jobs=1)
    assert [row["beta"] for row in found] == [1.0, 2.0]
    assert [row["beta_fraction"] for row in found] == pytest.approx([0.2, 0.4])
    assert [row["upper"] for row in found] == pytest.approx([1.8, 3.2])


def test_what_is_stored_is_not_done_again_and_the_table_is_the_same(tmp_path, monkeypatch):
    whole = rx.sweep(**SMALL, width=2, seeds=2)
    first = rx.sweep(**{**SMALL, "beta_fraction": 0.6}, width=2, out=tmp_path)
    assert (first.computed, len(first)) == (2 + 2 + 2, 4)
    calls = forgets(monkeypatch)
    second = rx.sweep(**SMALL, width=2, out=tmp_path)
    assert len(calls) == 2
    assert second.computed == 4
    assert not second.note
    again = rx.sweep(**SMALL, width=2, out=tmp_path)
    assert again.computed == 0
    assert same(again, second)
    # another seed is trained by itself, and nothing else is done
    third = rx.sweep(**SMALL, width=2, seeds=2, out=tmp_path)
    assert third.computed == 4
    assert [r["lower"] for r in third] == [r["lower"] for r in whole]
    assert [r["upper"] for r in third.optima] == [r["upper"] for r in whole.optima]
    loaded = rx.load_sweep(tmp_path)
    assert sorted(map(str, plain(loaded).values.tolist())) == sorted(map(str, plain(third).values.tolist()))


def test_the_order_of_a_grid_and_the_names_of_data_change_no_cell(tmp_path, monkeypatch):
    found = rx.sweep(**GRID, out=tmp_path)
    calls = forgets(monkeypatch)
    turned = {"data": {"s": STEP, "a": ABS}, "beta_fraction": [0.2, 0.6], "bias": ["all", "none"], "n_jobs": 1}
    other = rx.sweep(**turned, out=tmp_path)
    assert not calls
    assert sorted(row["upper"] for row in other) == sorted(row["upper"] for row in found)
    assert [row["data"] for row in other] == ["s"] * 4 + ["a"] * 4


def test_the_same_problem_is_solved_once(monkeypatch):
    calls = forgets(monkeypatch)
    found = rx.sweep({"one": ABS, "two": ABS}, beta_fraction=0.2, width=[2, 3], n_jobs=1)
    assert len(calls) == 1
    assert len(found) == 6
    assert not found.missing


def test_torn_lines_are_work_that_was_not_done(tmp_path):
    whole = rx.sweep(**SMALL, width=2, out=tmp_path)
    file = tmp_path / "cells.jsonl"
    data = file.read_bytes()
    for cut in (1, 40, len(data) // 2, len(data) - 5):
        file.write_bytes(data[:-cut])
        again = rx.sweep(**SMALL, width=2, out=tmp_path)
        assert 0 < again.computed <= whole.computed
        assert same(again, whole)
        assert len({(r["kind"], r["key"], r.get("width")) for r in lines(tmp_path)}) == len(lines(tmp_path))


def test_another_grid_in_a_folder_is_explained(tmp_path):
    rx.sweep(ABS, beta_fraction=[0.2, 0.3], out=tmp_path, n_jobs=1)
    assert "1 optimum is stored" in rx.sweep(ABS, beta_fraction=0.2, out=tmp_path, n_jobs=1).note
    note = rx.sweep(ABS, beta_fraction=[0.2, 0.5], bias="all", tol=1e-7, out=tmp_path, n_jobs=1).note
    assert "beta_fraction 0.3; bias none" not in note
    assert "bias none; beta_fraction 0.3; tol 1e-06" in note
    other = rx.sweep(STEP, beta_fraction=0.2, out=tmp_path, n_jobs=1)
    assert other.computed == 2
    assert "data 'data' with other numbers in them" in other.note
    assert ".note says what else is stored" in repr(other)
    assert "they stay there" in other.note
    assert len(rx.load_sweep(tmp_path)) == 5


def test_what_was_cut_is_done_again_by_more_time_alone(tmp_path, monkeypatch):
    done, solve = [], work.optimum
    monkeypatch.setattr(
        work, "optimum", lambda problem, **given: done.append(1) or {**solve(problem, **given), "rel_gap": 0.1}
    )
    for limit, times in ((1.0, 1), (1.0, 1), (0.5, 1), (2.0, 2), (None, 3), (None, 3), (5.0, 3)):
        found = rx.sweep(STEP, beta_fraction=0.1, time_limit=limit, out=tmp_path, n_jobs=1)
        assert not found.certified
        assert len(done) == times


def test_an_error_is_a_row_and_is_tried_again(tmp_path, monkeypatch):
    solve = work.solve

    def fails(problem, **options):
        if problem.n_samples == 3:
            raise InvalidInputError("no luck")
        return solve(problem, **options)

    monkeypatch.setattr(work, "solve", fails)
    found = rx.sweep(**SMALL, width=2, out=tmp_path)
    assert [row["status"] for row in found.optima] == ["CONVERGED"] * 2 + ["FAILED"] * 2
    assert {row["error"] for row in found.failed} == {"no luck"}
    assert "2 failed" in repr(found)
    assert not found.certified
    # a network of a problem without a floor is there, and nothing is said about its gap
    lonely = [row for row in found if row["kind"] == "trained" and row["data"] == "step"]
    assert all(np.isfinite(row["upper"]) and np.isnan(row["gap"]) and not row["certified"] for row in lonely)
    monkeypatch.setattr(work, "solve", solve)
    again = rx.sweep(**SMALL, width=2, out=tmp_path)
    assert again.computed == 2
    assert again.certified


def test_targets_without_anything_to_learn_say_so():
    found = rx.sweep({"flat": ([[1.0], [2.0]], [0.0, 0.0]), "abs": ABS}, beta_fraction=0.2, n_jobs=1)
    assert [row["status"] for row in found] == ["FAILED", "CONVERGED"]
    assert "targets that neurons help to fit" in found.failed[0]["error"]


def test_lost_workers_leave_rows_that_say_so(monkeypatch):
    def lossy(function, items, **where):
        yield 0, function(*items[0])
        raise ClusterError("lost with the workers")

    from relucvx.sweeps import front_door

    monkeypatch.setattr(front_door, "for_each", lossy)
    found = rx.sweep(ABS, beta_fraction=[0.2, 0.3], n_jobs=1)
    assert [row["status"] for row in found] == ["CONVERGED", "FAILED"]
    assert found.failed[0]["error"] == "lost with the workers"


def test_an_interruption_carries_the_table_and_the_folder_goes_on(tmp_path, monkeypatch):
    solve, calls = work.solve, []

    def interrupted(problem, **options):
        calls.append(problem)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return solve(problem, **options)

    monkeypatch.setattr(work, "solve", interrupted)
    with pytest.raises(rx.Interrupted) as stop:
        rx.sweep(**GRID, out=tmp_path)
    assert repr(stop.value.result).startswith("Sweep(2 of 8 cells")
    assert f"{tmp_path}, and the same call goes on" in str(stop.value)
    found = rx.sweep(**GRID, out=tmp_path)
    assert found.computed == 6
    assert same(found, rx.sweep(**GRID))


def test_a_callback_sees_cells_and_stops(tmp_path):
    seen = []

    def stop_at_three(state):
        seen.append(state)
        return state.cells == 3

    found = rx.sweep(**GRID, out=tmp_path, callback=stop_at_three)
    assert [state.cells for state in seen] == [0, 0, 0, 0, 1, 2, 3]
    assert {state.total for state in seen} == {8}
    assert seen[-1].latest == "abs, squared, beta_fraction 0.6, optimum"
    assert len(found.missing) == 5
    assert found.remaining > 0.0


def test_a_dry_run_computes_nothing(tmp_path):
    rx.sweep(**{**GRID, "beta_fraction": 0.2}, out=tmp_path)
    before = (tmp_path / "cells.jsonl").read_bytes()
    found = rx.sweep(**GRID, out=tmp_path, dry_run=True)
    assert (len(found), len(found.missing), found.computed) == (8, 4, 0)
    assert {row["status"] for row in found.missing} == {"MISSING"}
    assert found.remaining > 0.0
    assert (tmp_path / "cells.jsonl").read_bytes() == before
    assert not (tmp_path / "none").exists()
    assert len(rx.sweep(**GRID, out=tmp_path / "none", dry_run=True).missing) == 8
    assert not (tmp_path / "none").exists()


def test_two_sweeps_do_not_work_in_one_folder(tmp_path):
    def another(state):
        rx.sweep(**GRID, out=tmp_path)

    with pytest.raises(DataFileError, match="another run is at work there"):
        rx.sweep(**GRID, out=tmp_path, callback=another)


def test_training_is_part_of_what_a_network_is(tmp_path):
    one = {"data": ABS, "beta_fraction": 0.2, "width": 2, "out": tmp_path, "n_jobs": 1}
    rx.sweep(**one)
    adam = rx.sweep(**one, training={"optimizer": "adam", "max_steps": 20})
    assert adam.computed == 1
    assert adam.rows[1]["steps"] == 20
    assert rx.sweep(**one, training={"max_steps": 20, "optimizer": "adam"}).computed == 0
    assert rx.sweep(**one, training={"optimizer": rx.training.Adam(max_steps=20)}).computed == 1


def test_errors_come_before_the_work(monkeypatch):
    monkeypatch.setattr(many, "_results", None)  # nothing is computed
    one = {"data": ABS, "beta_fraction": 0.2, "n_jobs": 1}
    for change, why in (
        ({"beta": 1.0}, "beta_fraction= or beta="),
        ({"beta_fraction": None}, "received neither"),
        ({"beta_fraction": [0.1, 0.0]}, "beta_fraction to be a finite number > 0"),
        ({"loss": []}, "at least one value"),
        ({"loss": "sqared"}, "a loss among"),
        ({"loss": ["squared", "hinge"]}, "labels"),
        ({"bias": "some"}, "a bias mode"),
        ({"activation": "gelu"}, "an activation among"),
        ({"seeds": 3}, "a width for networks"),
        ({"width": 0}, "width to be an int"),
        ({"width": 2, "seeds": []}, "at least one seed"),
        ({"width": 2, "seeds": 0}, "seeds to be an int"),
        ({"width": 2, "training": {"depth": 3}}, "training= to be a dict of"),
        ({"width": 2, "training": {"schedule": lambda step: 1.0}}, "schedule by name"),
        ({"width": 2, "training": {"optimizer": "adamw"}}, "optimizer"),
        ({"tol": 0.0}, "tol"),
        ({"time_limit": -1.0}, "time_limit"),
        ({"executor": 3}, "executor"),
        ({"callback": 3}, "callback"),
        ({"progress": 3}, 'progress to be "auto"'),
        ({"data": {}}, "data, each under a name"),
        ({"data": 3}, "data by name"),
        ({"data": "irsi"}, "iris"),
        ({"out": 3}, "out as text or a path"),
    ):
        with pytest.raises(InvalidInputError, match=why):
            rx.sweep(**{**one, **change})


def test_the_cell_at_fault_is_named():
    with pytest.raises(InvalidInputError) as caught:
        rx.sweep({"abs": ABS}, beta_fraction=0.2, loss=["squared", "hinge"])
    assert caught.value.__notes__ == ["in the cells data abs, loss hinge, bias none, activation relu"]


def test_folders_of_something_else(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataFileError, match="a folder for a sweep"):
        rx.sweep(ABS, beta_fraction=0.2, out=tmp_path / "file")
    with pytest.raises(DataFileError, match="the folder of a sweep"):
        rx.load_sweep(tmp_path)
    (tmp_path / "cells.jsonl").write_text('{"x": 1}\n')
    with pytest.raises(DataFileError, match="another file"):
        rx.sweep(ABS, beta_fraction=0.2, out=tmp_path)
    (tmp_path / "cells.jsonl").write_text('{"what": "relucvx sweep", "format": 2}\n')
    with pytest.raises(DataFileError, match=r"format 2 \(not 1\)"):
        rx.load_sweep(tmp_path)
    (tmp_path / "cells.jsonl").write_text('{"what": "relucvx sweep", "format": 1}\n{"kind": "optimum", "key": "a"}\n')
    with pytest.raises(DataFileError, match="a line without problem"):
        rx.load_sweep(tmp_path)
