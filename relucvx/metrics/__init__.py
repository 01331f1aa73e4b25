"""Geometry of representations: arrays or networks in, numbers out.

The files beside this one are the questions. What they are asked about lies in three wings: ``regions`` (linear regions of
networks, folding), ``layers`` (reading networks layer by layer, profiles), ``samples`` (classes, pairs, scales, neighbours).
What the answers are worth is a fourth: ``nulls`` (permutation tests, bootstrap intervals); trials of neurons with their names
are a fifth: ``recordings``.
"""

import importlib
from typing import TYPE_CHECKING, Any

from relucvx.metrics.abstraction import FactorScore, NeuronTuning, ccgp, neuron_tuning, parallelism_score
from relucvx.metrics.alignment import Alignment, Procrustes, cka, procrustes
from relucvx.metrics.collapse import NeuralCollapse, neural_collapse
from relucvx.metrics.convexity import euclidean_convexity, graph_convexity
from relucvx.metrics.decoding import DecodingDimension, decoding_dimension
from relucvx.metrics.dimension import effective_rank, numerical_rank, participation_ratio
from relucvx.metrics.dissimilarity import rdm_correlation
from relucvx.metrics.few_shot import FewShot, FewShotMatrix, few_shot_matrix, few_shot_snr
from relucvx.metrics.forecast_result import Forecast
from relucvx.metrics.forecasting import forecast
from relucvx.metrics.intrinsic import TwoNN, two_nn
from relucvx.metrics.layers.cut import suggested_cut
from relucvx.metrics.layers.cut_network import CutNetwork
from relucvx.metrics.layers.profile import ProfileProgress, profile
from relucvx.metrics.layers.refit import cut_and_refit
from relucvx.metrics.layers.representations import layer_activations
from relucvx.metrics.neighbours import mutual_knn
from relucvx.metrics.nulls.bootstrap_result import Bootstrap
from relucvx.metrics.nulls.drawing import Drawn
from relucvx.metrics.nulls.permutation import permutation_test
from relucvx.metrics.nulls.permutation_result import PermutationTest
from relucvx.metrics.nulls.resampling import bootstrap
from relucvx.metrics.nulls.several import holm
from relucvx.metrics.probes import LinearProbe, linear_probe
from relucvx.metrics.recordings.averages import (
    ConditionAverages,
    NoiseCorrectedKernel,
    condition_averages,
    noise_corrected_kernel,
)
from relucvx.metrics.recordings.ceiling import NoiseCeiling, noise_ceiling
from relucvx.metrics.recordings.crossvalidated import crossnobis
from relucvx.metrics.recordings.dichotomies import dichotomies
from relucvx.metrics.recordings.dichotomy_table import DichotomyTable
from relucvx.metrics.recordings.dissimilarities import Dissimilarities, Embedding
from relucvx.metrics.recordings.measuring import Measurement, measure
from relucvx.metrics.recordings.noise import NoiseCovariance, noise_covariance
from relucvx.metrics.recordings.over_time import OverTime
from relucvx.metrics.recordings.recording import Recording
from relucvx.metrics.recordings.selectivity import SelectivityTest, epairs, erp
from relucvx.metrics.regions.folds.class_folding import ClassFolding, PairFolding, class_folding
from relucvx.metrics.regions.folds.folding import SpaceFolding, folding, space_folding
from relucvx.metrics.regions.folds.folding_curve import FoldingCurve, folding_curve
from relucvx.metrics.regions.folds.hamming import HammingConvexity, hamming_convex
from relucvx.metrics.regions.folds.largest_folding import LargestFolding, largest_folding
from relucvx.metrics.regions.linear import LinearRegions, linear_regions
from relucvx.metrics.regions.polygons.maps import input_map
from relucvx.metrics.regions.polygons.slice_result import SliceRegions
from relucvx.metrics.regions.polygons.slices import slice_regions
from relucvx.metrics.regions.segments.line_result import LineRegions
from relucvx.metrics.regions.segments.lines import line_regions
from relucvx.metrics.regions.segments.sampled_codes import SampledCodes, sampled_codes
from relucvx.metrics.regions.tracking import RegionTracker
from relucvx.metrics.samples.class_pairs import Convexity, ConvexityNull
from relucvx.metrics.scales import Scale, scale
from relucvx.metrics.separation import LinearSeparation, Separability, cover_count, linear_separation, separability
from relucvx.metrics.similarity import LayerSimilarity, layer_similarity

if TYPE_CHECKING:
    from relucvx.metrics.layers.attention import attention_convexity
    from relucvx.metrics.layers.profile_figure import plot_profile
    from relucvx.metrics.regions.polygons.slice_plot import plot_slice

__all__ = [
    "Alignment",
    "Bootstrap",
    "ClassFolding",
    "ConditionAverages",
    "Convexity",
    "ConvexityNull",
    "CutNetwork",
    "DecodingDimension",
    "DichotomyTable",
    "Dissimilarities",
    "Drawn",
    "Embedding",
    "FactorScore",
    "FewShot",
    "FewShotMatrix",
    "FoldingCurve",
    "Forecast",
    "HammingConvexity",
    "LargestFolding",
    "LayerSimilarity",
    "LineRegions",
    "LinearProbe",
    "LinearRegions",
    "LinearSeparation",
    "Measurement",
    "NeuralCollapse",
    "NeuronTuning",
    "NoiseCeiling",
    "NoiseCorrectedKernel",
    "NoiseCovariance",
    "OverTime",
    "PairFolding",
    "PermutationTest",
    "Procrustes",
    "ProfileProgress",
    "Recording",
    "RegionTracker",
    "SampledCodes",
    "Scale",
    "SelectivityTest",
    "Separability",
    "SliceRegions",
    "SpaceFolding",
    "TwoNN",
    "attention_convexity",
    "bootstrap",
    "ccgp",
    "cka",
    "class_folding",
    "condition_averages",
    "cover_count",
    "crossnobis",
    "cut_and_refit",
    "decoding_dimension",
    "dichotomies",
    "effective_rank",
    "epairs",
    "erp",
    "euclidean_convexity",
    "few_shot_matrix",
    "few_shot_snr",
    "folding",
    "folding_curve",
    "forecast",
    "graph_convexity",
    "hamming_convex",
    "holm",
    "input_map",
    "largest_folding",
    "layer_activations",
    "layer_similarity",
    "line_regions",
    "linear_probe",
    "linear_regions",
    "linear_separation",
    "measure",
    "mutual_knn",
    "neural_collapse",
    "neuron_tuning",
    "noise_ceiling",
    "noise_corrected_kernel",
    "noise_covariance",
    "numerical_rank",
    "parallelism_score",
    "participation_ratio",
    "permutation_test",
    "plot_profile",
    "plot_slice",
    "procrustes",
    "profile",
    "rdm_correlation",
    "sampled_codes",
    "scale",
    "separability",
    "slice_regions",
    "space_folding",
    "suggested_cut",
    "two_nn",
]


_LATER = {
    "attention_convexity": "relucvx.metrics.layers.attention",
    "plot_profile": "relucvx.metrics.layers.profile_figure",
    "plot_slice": "relucvx.metrics.regions.polygons.slice_plot",
}
"""These resolve on first use: torch and matplotlib stand at the top of their files."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'relucvx.metrics' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
