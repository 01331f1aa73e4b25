"""What every solver reports and returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from relucvx.network import TwoLayerReLU
from relucvx.types import Array, Status


@dataclass(frozen=True)
class Progress:
    """What a callback sees after each round; returning True from it stops the solver cleanly."""

    round: int
    upper: float
    lower: float
    rel_gap: float
    neurons: int
    cells: int
    violation: float
    seconds: float
    phase: str


@dataclass
class SolverResult:
    """What a solver hands to the certificate: a network, a dual point, and how it stopped."""

    network: TwoLayerReLU
    dual: Array
    lower: float
    status: Status
    rounds: int
    seconds: float
    history: list[Progress] = field(default_factory=list)
    dual_norm_upper: float = float("nan")
