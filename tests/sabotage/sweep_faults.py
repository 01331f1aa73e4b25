"""Faults in sweeps: cells that are done twice or taken for others, and networks held against the wrong bound."""

from sabotage.fault import Fault

DOOR, GRID = (f"pytest tests/sweeps/{name}.py" for name in ("test_front_door", "test_grid"))
FLOOR = f"{DOOR}::test_trained_networks_are_held_against_the_floor_of_their_problem"

FAULTS = (
    Fault(
        "stored optima of a sweep solved again",
        "sweeps.front_door:_Run.pieces",
        "if not self.store.solved(cell.key, self.limit):",
        "if True:",
        f"{DOOR}::test_what_is_stored_is_not_done_again_and_the_table_is_the_same",
    ),
    Fault(
        "the same problem solved for each of its names",
        "sweeps.front_door:_Run.pieces",
        "in {cell.key: cell for cell in self.grid.cells}.values()",
        "in self.grid.cells",
        f"{DOOR}::test_the_same_problem_is_solved_once",
    ),
    Fault(
        "cells known by their settings without their data",
        "sweeps.grid:_base",
        "parts = [content(problem), ",
        "parts = [",
        f"{GRID}::test_keys_are_of_what_is_in_a_cell",
    ),
    Fault(
        "data known by their inputs without their targets",
        "sweeps.grid:content",
        "[problem.X, problem.Y, problem.sample_weight]",
        "[problem.X, problem.sample_weight]",
        f"{GRID}::test_keys_are_of_what_is_in_a_cell",
    ),
    Fault(
        "trained networks held against the best network found instead of the proven floor",
        "sweeps.table:_run",
        'gap(upper, optimum["lower"])',
        'gap(upper, optimum["upper"])',
        FLOOR,
    ),
    Fault(
        "results that were cut taken for final",
        "sweeps.store:_had",
        "had >= limit",
        "True",
        f"{DOOR}::test_what_was_cut_is_done_again_by_more_time_alone",
    ),
    Fault(
        "errors stored as results",
        "sweeps.front_door:_Run.takes",
        'if "error" in result:',
        "if False:",
        f"{DOOR}::test_an_error_is_a_row_and_is_tried_again",
    ),
)
