"""What is proven, recomputed from scratch; this package never imports the solver."""

from relucvx.certificate.beta_max import beta_max_interval
from relucvx.certificate.certificate import Certificate, certify_network, prove_again
from relucvx.certificate.kernels.kernel_bound import KernelBound
from relucvx.certificate.kernels.kernel_cut import KernelCut
from relucvx.certificate.kernels.kernel_range import KernelRange, kernel_range_of
from relucvx.certificate.optima.continuum import Continuum
from relucvx.certificate.optima.optimal_set import OptimalSet, optimal_set_of
from relucvx.certificate.optima.staircase import Phase, Staircase
from relucvx.certificate.optima.verdict import Uniqueness
from relucvx.certificate.proof import Proof, Prover, prove_dual

__all__ = [
    "Certificate",
    "Continuum",
    "KernelBound",
    "KernelCut",
    "KernelRange",
    "OptimalSet",
    "Phase",
    "Proof",
    "Prover",
    "Staircase",
    "Uniqueness",
    "beta_max_interval",
    "certify_network",
    "kernel_range_of",
    "optimal_set_of",
    "prove_again",
    "prove_dual",
]


def __dir__() -> list[str]:
    return sorted(__all__)
