"""What every result shows: a line in an interpreter, tables in a notebook, strict JSON, a frame; figures where it draws."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
from html.parser import HTMLParser

import pandas as pd

import relucvx as rx
from relucvx import datasets, kernel, metrics
from relucvx.markup import LONGEST_LINE
from relucvx.types import Result, strict_json

HELD = {
    rx.solve: "Solution Problem TwoLayerReLU Certificate",
    rx.optimal_set: "OptimalSet Staircase",
    rx.kernel_range: "KernelRange KernelBound",
    rx.kernel_statistic: "StatisticRange",
    rx.kernel_suboptimality: "KernelSuboptimality KernelCut",
    rx.kernel_curve: "KernelCurve Triple",
    rx.beta_band: "BetaBand Envelope",
    rx.solve_parallel: "ParallelSolution ParallelReLU",
    rx.write_proof: "CheckedProof",
    rx.cite: "Citation",
    rx.enumerate_patterns: "Arrangement",
    rx.doubly_nonnegative_bound: "Relaxation",
    rx.lift_network: "ConvexPrimal",
    rx.train: "Runs Run",
    rx.sweep: "Sweep",
    rx.compare: "Comparison Prediction Row Finding Made Names",
    rx.PooledReLU: "PooledReLU",
    rx.DeepNetwork: "DeepNetwork",
    metrics.bootstrap: "Bootstrap",
    metrics.ccgp: "FactorScore",
    metrics.class_folding: "ClassFolding PairFolding",
    metrics.condition_averages: "ConditionAverages",
    metrics.cut_and_refit: "CutNetwork",
    metrics.decoding_dimension: "DecodingDimension",
    metrics.epairs: "SelectivityTest",
    metrics.euclidean_convexity: "Convexity",
    metrics.few_shot_matrix: "FewShotMatrix",
    metrics.few_shot_snr: "FewShot",
    metrics.folding: "SpaceFolding",
    metrics.folding_curve: "FoldingCurve",
    metrics.forecast: "Forecast",
    metrics.hamming_convex: "HammingConvexity",
    metrics.largest_folding: "LargestFolding",
    metrics.layer_similarity: "LayerSimilarity",
    metrics.line_regions: "LineRegions",
    metrics.linear_probe: "LinearProbe",
    metrics.linear_regions: "LinearRegions",
    metrics.linear_separation: "LinearSeparation",
    metrics.neural_collapse: "NeuralCollapse",
    metrics.neuron_tuning: "NeuronTuning",
    metrics.noise_corrected_kernel: "NoiseCorrectedKernel",
    metrics.permutation_test: "PermutationTest",
    metrics.procrustes: "Procrustes",
    metrics.Recording: "Recording",
    metrics.crossnobis: "Dissimilarities",
    metrics.dichotomies: "DichotomyTable",
    metrics.measure: "Measurement",
    metrics.noise_ceiling: "NoiseCeiling",
    metrics.noise_covariance: "NoiseCovariance",
    metrics.sampled_codes: "SampledCodes",
    metrics.scale: "Scale",
    metrics.separability: "Separability",
    metrics.slice_regions: "SliceRegions",
    metrics.two_nn: "TwoNN",
    kernel.minimize_energy: "EnergyMinimum",
    kernel.optimal_family: "OptimalFamily",
    kernel.preactivation_certificate: "PreactivationCertificate",
    kernel.spike_free: "SpikeFree",
    datasets.factorial: "Dataset",
    rx.predict: "Predictions",
}
"""Doors, and the classes of what comes out of them or is part of it: `test_doors` shows each of these."""

TAGS = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
"""Of the HTML of results; anything else is a text that was not escaped, or does more than show."""

OUTSIDE = ("://", "url(", "@import", "src=", "href=", "javascript:", "<script", "<style")
"""What would load something, or change the page that it stands in."""


class Tables(HTMLParser):
    """Reads the HTML of a result, and raises where it is not well formed or not accessible."""

    def __init__(self):
        super().__init__()
        self.open, self.cells, self.captions = [], 0, 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in TAGS or set(given) - {"style", "scope"}:
            raise AssertionError(f"<{tag} {given}>")
        if tag == "th" and given.get("scope") not in ("row", "col"):
            raise AssertionError("a head without its scope")
        if re.search(r"(?<!-)\b(color|background)[^;]*#", given.get("style", "")):
            raise AssertionError(f"a colour of its own: {given}")
        self.open.append(tag)
        self.cells += tag == "td"
        self.captions += tag == "caption"

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes something else")

    def handle_data(self, data):
        if data.strip() and self.open[-1:] not in (["td"], ["th"], ["caption"]):
            raise AssertionError(f"text beside the cells: {data}")


def assert_html(text):
    """Raise unless a text is HTML that any notebook can show: tables alone, escaped, with nothing to load."""
    found = [word for word in OUTSIDE if word in re.sub(r">[^<]*<", "><", text).lower()]
    if found:
        raise AssertionError(f"{found} in {text}")
    if re.search(r" at 0x[0-9a-f]+", text):
        raise AssertionError("where an object is in memory says nothing to anybody")
    reader = Tables()
    reader.feed(text)
    reader.close()
    if reader.open or not reader.cells or not reader.captions:
        raise AssertionError(f"left open {reader.open}, {reader.cells} cells, {reader.captions} captions")


def assert_shown(result):
    """Raise unless a result has a short line, HTML, strict JSON and a frame."""
    line = repr(result)
    if "\n" in line or len(line) > LONGEST_LINE or not line.startswith(type(result).__name__):
        raise AssertionError(f"{len(line)} characters: {line}")
    assert_html(result._repr_html_())
    json.loads(strict_json(result))
    if not isinstance(result.to_frame(), pd.DataFrame):
        raise AssertionError("no frame")


def results_in(value):
    """The results in a value, each class once: the value, its fields, entries and what they hold."""
    found = {}
    _collect(value, found)
    return found


def _collect(value, found):
    if isinstance(value, Result):
        known = type(value) in found
        found.setdefault(type(value), value)
        if not known:
            _collect([getattr(value, field.name) for field in dataclasses.fields(value)], found)
    elif isinstance(value, dict):
        _collect(list(value.values()), found)
    elif isinstance(value, (list, tuple)):
        for one in value[:20]:
            _collect(one, found)


def result_classes():
    """Every result class of the package."""
    for module in pkgutil.walk_packages(rx.__path__, "relucvx."):
        if "__main__" not in module.name:
            importlib.import_module(module.name)
    ours = {c for c in _below(Result) if c.__module__.startswith("relucvx.") and dataclasses.is_dataclass(c)}
    return {c for c in ours if not inspect.isabstract(c)}


def _below(cls):
    return {cls}.union(*map(_below, cls.__subclasses__())) - {Result}


NOT_DRAWN = {
    "one number, or a few of different kinds": (
        "BranchNorm CheckedProof ConicResult Deviation DualNormBound EnergyMinimum FewShot Finding HammingConvexity "
        "KernelBound LargestFolding LinearSeparation Outcome PairFolding PreactivationCertificate Procrustes Proof "
        "Relaxation Row Scale Separability SpaceFolding SpikeFree Staircase TwoNN Verification WarmUp"
    ),
    "what results are about: data, problems and networks have figures of their own": (
        "Arrangement ConvexPrimal Dataset DeepNetwork Member MomentPrimal ParallelReLU PlanarCells PooledReLU Preparation "
        "Problem TextbookInstance TwoLayerReLU"
    ),
    "regions of a space of any dimension; planes are drawn by slices": "LinearRegions",
    "words": "Citation",
    "a table of what a network says, row by row": "Predictions",
    "part of a result that is drawn": "Continuum Envelope Made Names Knot Triple",
    "closed forms, whose kernels a comparison draws": "OptimalFamily Prediction",
}
"""Classes without ``plot``, and why."""


EMPTY = {"Sweep"}
"""Results of the table of doors without anything to draw: what is asked there is planned and not computed."""


def undrawn():
    """Names of the classes that need not draw themselves."""
    return {name for names in NOT_DRAWN.values() for name in names.split()}


def assert_drawn(result):
    """Raise unless ``plot`` can be called alone, makes a figure that a notebook shows, and draws on given axes."""
    if type(result).__name__ in undrawn():
        return
    from matplotlib import pyplot
    from matplotlib.axes import Axes

    if not takes_axes(type(result).plot):
        raise AssertionError(f"{type(result).__name__}.plot{inspect.signature(type(result).plot)}")
    before = set(pyplot.get_fignums())
    drawn = result.plot()
    new = set(pyplot.get_fignums()) - before
    if (
        not isinstance(drawn, Axes)
        or not (drawn.has_data() or type(result).__name__ in EMPTY)
        or new != {drawn.figure.number}
    ):
        raise AssertionError(f"{drawn} in the figures {new}")
    given = pyplot.figure().subplots()
    (name,) = {"ax", "axes"} & set(inspect.signature(result.plot).parameters)
    if result.plot(**{name: given}) is not given or len(pyplot.get_fignums()) != len(before) + 2:
        raise AssertionError("not on the axes that were given")
    pyplot.close("all")


def takes_axes(plot):
    """Whether a method can be called alone, and draws on given axes."""
    parameters = list(inspect.signature(plot).parameters.values())[1:]
    named = any(p.name in ("ax", "axes") and p.default is None for p in parameters)
    return named and all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in parameters)
