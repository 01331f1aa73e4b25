"""Hidden kernels: of networks, as closed forms of the optimum, and in the mean-field energy of preactivations."""

from relucvx.kernel.closed_forms import predict
from relucvx.kernel.deep import edge_class_network, predict_deep_linear, predict_deep_one_hot
from relucvx.kernel.factorial import (
    OptimalFamily,
    factorial_network,
    factorial_rotation_network,
    optimal_family,
    predict_factorial,
)
from relucvx.kernel.mean_field import energy, first_variation, optimal_readout
from relucvx.kernel.preactivation import (
    EnergyMinimum,
    PreactivationCertificate,
    minimize_energy,
    preactivation_certificate,
)
from relucvx.kernel.prediction import Prediction
from relucvx.kernel.representation import kernel_distance, representation_kernel, spectrum, whitened
from relucvx.kernel.spikes import SpikeFree, spike_free
from relucvx.kernel.whitened_forms import predict_one_hot, predict_scalar, predict_svd

__all__ = [
    "EnergyMinimum",
    "OptimalFamily",
    "PreactivationCertificate",
    "Prediction",
    "SpikeFree",
    "edge_class_network",
    "energy",
    "factorial_network",
    "factorial_rotation_network",
    "first_variation",
    "kernel_distance",
    "minimize_energy",
    "optimal_family",
    "optimal_readout",
    "preactivation_certificate",
    "predict",
    "predict_deep_linear",
    "predict_deep_one_hot",
    "predict_factorial",
    "predict_one_hot",
    "predict_scalar",
    "predict_svd",
    "representation_kernel",
    "spectrum",
    "spike_free",
    "whitened",
]


def __dir__() -> list[str]:
    return sorted(__all__)
