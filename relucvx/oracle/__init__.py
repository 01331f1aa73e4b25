"""The oracle: max over ||w|| <= 1 of ||Nᵀ phi(Xw)||, which prices columns and proves bounds."""

from relucvx.oracle.dual_norm_bound import DualNormBound, choose_method, compile_kernels, dual_norm, spectral_bound
from relucvx.oracle.form import Form, form_of, make_form

__all__ = [
    "DualNormBound",
    "Form",
    "choose_method",
    "compile_kernels",
    "dual_norm",
    "form_of",
    "make_form",
    "spectral_bound",
]


def __dir__() -> list[str]:
    return sorted(__all__)
