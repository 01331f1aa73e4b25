"""Which activation patterns exist: enumeration, sampling, counting, and the cones of gates that share a pattern."""

from relucvx.arrangement.cones import (
    ConeProjection,
    adjacent_patterns,
    cone_margin,
    in_cone,
    pattern_of,
    project_onto_cone,
)
from relucvx.arrangement.counting import count_patterns
from relucvx.arrangement.enumeration import enumerate_patterns
from relucvx.arrangement.patterns import Arrangement
from relucvx.arrangement.sampling import sample_patterns

__all__ = [
    "Arrangement",
    "ConeProjection",
    "adjacent_patterns",
    "cone_margin",
    "count_patterns",
    "enumerate_patterns",
    "in_cone",
    "pattern_of",
    "project_onto_cone",
    "sample_patterns",
]


def __dir__() -> list[str]:
    return sorted(__all__)
