"""The theory as executable claims: statement, source, assumptions, prediction and check."""

from relucvx.theory import strategies
from relucvx.theory.counterexample import Counterexample, load_counterexample
from relucvx.theory.definition import Assumption, Claim, Deviation, Outcome, Verdict
from relucvx.theory.registry import claim, claims
from relucvx.theory.verification import verify
from relucvx.theory.verified import Verification, VerificationProgress

__all__ = [
    "Assumption",
    "Claim",
    "Counterexample",
    "Deviation",
    "Outcome",
    "Verdict",
    "Verification",
    "VerificationProgress",
    "claim",
    "claims",
    "load_counterexample",
    "strategies",
    "verify",
]


def __dir__() -> list[str]:
    return sorted(__all__)
