"""The frontier: bounds, generators and depths move together."""

import heapq

import numpy as np
import pytest

from relucvx.oracle.frontier import SIZE, pop, push


@pytest.mark.parametrize("heap", [True, False])
def test_cones_come_back_largest_bound_first_or_last_in_first_out(heap):
    rng = np.random.default_rng(2)
    bounds, nodes, depths = np.empty(300), np.empty((300, 2, 2)), np.empty(300, np.int64)
    tally, reference, G = np.zeros(5, np.int64), [], np.empty((2, 2))

    def taken():
        expected = -heapq.heappop(reference) if heap else -reference.pop()
        bound, depth = pop(bounds, nodes, depths, tally, heap, G)
        assert bound == expected
        assert depth == int(8 * bound)
        np.testing.assert_array_equal(G, [[bound, 0.0], [0.0, -bound]])

    for step in range(900):
        if tally[SIZE] and (rng.random() < 0.4 or tally[SIZE] >= 290):
            taken()
        else:
            value = float(rng.integers(50)) if step % 2 else float(rng.random())
            cone = np.array([[value, 0.0], [0.0, -value]])
            push(bounds, nodes, depths, tally, heap, value, cone, int(8 * value))
            if heap:
                heapq.heappush(reference, -value)
            else:
                reference.append(-value)
        assert tally[SIZE] == len(reference)
        if heap and tally[SIZE]:
            assert bounds[0] == -reference[0]
    while tally[SIZE]:
        taken()
