"""The theory as executable claims: statement, source, assumptions, prediction and check."""

from relucvx.theory import strategies
from relucvx.theory.counterexample import Counterexample, load_counterexample
from relucvx.theory.definition import Assumption, Claim, Deviation, Outcome, Verdict
from relucvx.theory.diagrams import PhaseDiagram, phase_diagram, read_phase_diagram
from relucvx.theory.families import Member, class_family, factorial_family
from relucvx.theory.recordings.explaining import explain
from relucvx.theory.recordings.explanation import ComparedForm, ComparedStatistic, Explanation
from relucvx.theory.registry import claim, claims
from relucvx.theory.verification import verify
from relucvx.theory.verified import Verification, VerificationProgress

__all__ = [
    "Assumption",
    "Claim",
    "ComparedForm",
    "ComparedStatistic",
    "Counterexample",
    "Deviation",
    "Explanation",
    "Member",
    "Outcome",
    "PhaseDiagram",
    "Verdict",
    "Verification",
    "VerificationProgress",
    "claim",
    "claims",
    "class_family",
    "explain",
    "factorial_family",
    "load_counterexample",
    "phase_diagram",
    "read_phase_diagram",
    "strategies",
    "verify",
]


def __dir__() -> list[str]:
    return sorted(__all__)
