"""Cones at some depth of a branch, as the search makes them, for tests of what they carry and of their bounds."""

from __future__ import annotations

import numpy as np
from oracle.test_simplicial import form_for

from relucvx.oracle import branch_and_bound as bnb
from relucvx.oracle import shards
from relucvx.oracle.carried import derive, keep_products, make_room, make_stack, place_cone
from relucvx.oracle.subtree import choose_edge, new_generator

CASES = [(c, bias, act) for c in (1, 2, 3) for bias in ("none", "free") for act in ("relu", "leaky_relu", "abs")]


def random_branch(rng, bias, c, activation, n=12, d=3, depth=6):
    """(form, rows, stack, room, slot): a cone below ``depth`` random splits, in a slot of its own as the others above it."""
    form = form_for(rng, bias, c, activation, n=n, d=d)
    rows = shards.weighted_rows(form)
    outputs, dim = form.M.shape[1], form.X.shape[1]
    stack = make_stack(depth + 3, len(rows.X), dim, outputs + 1, outputs)
    room = make_room(len(rows.X), dim, outputs + 1, outputs, form.penalized)
    starts = bnb.starting_cones(form)
    place_cone(rows, stack, starts[rng.integers(len(starts))], np.inf, 0)
    derive(rows, stack, 0, 1, -1, room)
    keep_products(stack, 0, 1, -1, room)
    record, witness = np.array([np.inf, 0.0]), np.zeros(dim)
    slot = 1
    for _ in range(depth if dim > 1 else 0):
        # what a bound would have left behind: where it is attained, and in which direction of the outputs
        stack.alpha[slot] = rng.exponential(size=dim) * (rng.random(dim) < 0.7) + 1e-3
        lean = rng.standard_normal(outputs)
        stack.lean[slot], stack.bound[slot] = lean / np.linalg.norm(lean), form.scale
        k, l = choose_edge(rows, stack, slot, room)
        new_generator(rows, stack, slot, record, witness, room)
        replaced = int(rng.choice([k, l]))
        derive(rows, stack, slot, slot + 1, replaced, room)
        keep_products(stack, slot, slot + 1, replaced, room)
        slot += 1
    return form, rows, stack, room, slot
