"""Hidden kernels: of networks, as closed forms of the optimum, and in the mean-field energy of preactivations."""

from relucvx.kernel.deep import predict_deep_linear, predict_deep_one_hot
from relucvx.kernel.energy import energy, first_variation, optimal_readout
from relucvx.kernel.factorial import (
    OptimalFamily,
    factorial_network,
    factorial_rotation_network,
    optimal_family,
    predict_factorial,
)
from relucvx.kernel.predict import predict
from relucvx.kernel.prediction import Prediction
from relucvx.kernel.representation import kernel_distance, representation_kernel, spectrum, whitened
from relucvx.kernel.whitened_forms import predict_one_hot, predict_scalar, predict_svd

__all__ = [
    "OptimalFamily",
    "Prediction",
    "energy",
    "factorial_network",
    "factorial_rotation_network",
    "first_variation",
    "kernel_distance",
    "optimal_family",
    "optimal_readout",
    "predict",
    "predict_deep_linear",
    "predict_deep_one_hot",
    "predict_factorial",
    "predict_one_hot",
    "predict_scalar",
    "predict_svd",
    "representation_kernel",
    "spectrum",
    "whitened",
]
