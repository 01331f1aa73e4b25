"""All optima of a solved problem: where the dual constraint is active (``active_…``, ``caps``, ``isolation``), the polytope of
coefficients on it, whether that is a point (``verdict``), and how many neurons optima have (``staircase``).
"""
