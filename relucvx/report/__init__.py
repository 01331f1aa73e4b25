"""Theory, certified optimum and trained networks side by side: comparison, tables, figures, one HTML file."""

from relucvx.report.comparing import compare
from relucvx.report.comparison import Comparison
from relucvx.report.findings import Finding
from relucvx.report.measure import Row

__all__ = ["Comparison", "Finding", "Row", "compare"]


def __dir__() -> list[str]:
    return sorted(__all__)
