"""The open cones of a branch-and-bound: a heap (or a stack) of generators, bounds and depths, moved together."""

from __future__ import annotations

from typing import Any

from relucvx.compiled import compiled

SIZE = 0
"""Place of the number of open cones in a tally."""


@compiled(counted=False)
def copy_cone(source: Any, target: Any) -> None:
    """Generators of one cone into the place of another: without the scratch that an assignment of slices asks for."""
    for k in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[k, j] = source[k, j]


@compiled(counted=False)
def push(bounds: Any, nodes: Any, depths: Any, tally: Any, heap: bool, bound: float, G: Any, depth: int) -> None:
    """Add a cone: on top of a stack, or to the heap, where it rises (largest bound on top)."""
    slot = tally[SIZE]
    tally[SIZE] += 1
    while heap and slot > 0:
        above = (slot - 1) // 2
        if bounds[above] >= bound:
            break
        bounds[slot], depths[slot] = bounds[above], depths[above]
        copy_cone(nodes[above], nodes[slot])
        slot = above
    bounds[slot], depths[slot] = bound, depth
    copy_cone(G, nodes[slot])


@compiled(counted=False)
def pop(bounds: Any, nodes: Any, depths: Any, tally: Any, heap: bool, G: Any) -> Any:
    """Copy the top cone into G and take it away; returns its bound and depth."""
    tally[SIZE] -= 1
    size = tally[SIZE]
    if not heap:
        copy_cone(nodes[size], G)
        return bounds[size], depths[size]
    copy_cone(nodes[0], G)
    top, depth = bounds[0], depths[0]
    # the last cone fills the gap at the top, and sinks
    bound = bounds[size]
    slot = 0
    while True:
        child = 2 * slot + 1
        if child >= size:
            break
        if child + 1 < size and bounds[child + 1] > bounds[child]:
            child += 1
        if bounds[child] <= bound:
            break
        bounds[slot], depths[slot] = bounds[child], depths[child]
        copy_cone(nodes[child], nodes[slot])
        slot = child
    if size > 0:
        bounds[slot], depths[slot] = bound, depths[size]
        copy_cone(nodes[size], nodes[slot])
    return top, depth
