"""Geometry of representations: arrays or networks in, numbers out."""

from relucvx.metrics.abstraction import FactorScore, NeuronTuning, ccgp, neuron_tuning, parallelism_score
from relucvx.metrics.collapse import NeuralCollapse, neural_collapse
from relucvx.metrics.dimension import participation_ratio

__all__ = [
    "FactorScore",
    "NeuralCollapse",
    "NeuronTuning",
    "ccgp",
    "neural_collapse",
    "neuron_tuning",
    "parallelism_score",
    "participation_ratio",
]
