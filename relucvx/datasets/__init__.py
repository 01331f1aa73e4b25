"""Inputs of known structure: embedded, synthetic, degenerate and textbook datasets, bags of rows, and data files."""

from relucvx.datasets.dataset import Dataset, suggest_beta
from relucvx.datasets.degenerate import degenerate_bank
from relucvx.datasets.embedded import EMBEDDED, load, standardize_columns
from relucvx.datasets.files import read_table
from relucvx.datasets.folding import CANTORNET_SEGMENT, SAWTOOTH_SEGMENT, cantor_function, cantornet, sawtooth
from relucvx.datasets.idx import load_idx
from relucvx.datasets.lookup import RECIPES, available, get
from relucvx.datasets.preparation import Preparation
from relucvx.datasets.recorded import GEOMETRIES, read_recording, recording
from relucvx.datasets.structured import graphs, images, sequences
from relucvx.datasets.synthetic import (
    class_labels,
    factorial,
    factorial_kernel,
    inputs_from_kernel,
    planted,
    spiral,
    whitened,
)
from relucvx.datasets.textbook import TextbookInstance, textbook_instances

__all__ = [
    "CANTORNET_SEGMENT",
    "EMBEDDED",
    "GEOMETRIES",
    "RECIPES",
    "SAWTOOTH_SEGMENT",
    "Dataset",
    "Preparation",
    "TextbookInstance",
    "available",
    "cantor_function",
    "cantornet",
    "class_labels",
    "degenerate_bank",
    "factorial",
    "factorial_kernel",
    "get",
    "graphs",
    "images",
    "inputs_from_kernel",
    "load",
    "load_idx",
    "planted",
    "read_recording",
    "read_table",
    "recording",
    "sawtooth",
    "sequences",
    "spiral",
    "standardize_columns",
    "suggest_beta",
    "textbook_instances",
    "whitened",
]


def __dir__() -> list[str]:
    return sorted(__all__)
