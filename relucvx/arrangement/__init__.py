"""Which activation patterns exist: enumeration, sampling, counting, and the cones of gates that share a pattern."""

from relucvx.arrangement.counting import count_patterns
from relucvx.arrangement.enumeration import enumerate_patterns
from relucvx.arrangement.patterns import Arrangement

__all__ = ["Arrangement", "count_patterns", "enumerate_patterns"]
