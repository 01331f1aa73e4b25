"""Geometry of representations: arrays or networks in, numbers out."""

from relucvx.metrics.abstraction import FactorScore, NeuronTuning, ccgp, neuron_tuning, parallelism_score
from relucvx.metrics.alignment import Procrustes, cka, procrustes
from relucvx.metrics.collapse import NeuralCollapse, neural_collapse
from relucvx.metrics.convexity import Convexity, euclidean_convexity, graph_convexity
from relucvx.metrics.dimension import participation_ratio
from relucvx.metrics.dissimilarity import rdm_correlation
from relucvx.metrics.folding import SpaceFolding, folding, space_folding
from relucvx.metrics.hamming import HammingConvexity, hamming_convex
from relucvx.metrics.lines import LineRegions, line_regions
from relucvx.metrics.neighbours import mutual_knn
from relucvx.metrics.profile import ProfileProgress, profile, suggested_cut
from relucvx.metrics.profile_figure import plot_profile
from relucvx.metrics.representations import layer_activations
from relucvx.metrics.similarity import LayerSimilarity, layer_similarity

__all__ = [
    "Convexity",
    "FactorScore",
    "HammingConvexity",
    "LayerSimilarity",
    "LineRegions",
    "NeuralCollapse",
    "NeuronTuning",
    "Procrustes",
    "ProfileProgress",
    "SpaceFolding",
    "ccgp",
    "cka",
    "euclidean_convexity",
    "folding",
    "graph_convexity",
    "hamming_convex",
    "layer_activations",
    "layer_similarity",
    "line_regions",
    "mutual_knn",
    "neural_collapse",
    "neuron_tuning",
    "parallelism_score",
    "participation_ratio",
    "plot_profile",
    "procrustes",
    "profile",
    "rdm_correlation",
    "space_folding",
    "suggested_cut",
]
