"""Bibliography keys used in docstrings (``Source: [key]``) and in claims.

Two of the sources were read in part only, and their entries say so: the lecture in a lossy transcription, the paper on
abstract representations by its abstract. A key names where a definition or a question comes from; what a statement rests
on is its status.
"""

from __future__ import annotations

import re
from typing import NamedTuple

JOURNALS = (
    "Annals of Statistics", "Cell", "Frontiers in Systems Neuroscience", "IEEE Trans. Electronic Computers", "JMLR", "Nature",
    "Nature Communications", "NeuroImage", "PNAS", "Political Analysis", "Psychometrika",
    "Scandinavian Journal of Statistics", "Scientific Reports",
    "Statistical Applications in Genetics and Molecular Biology", "Statistics in Medicine", "TMLR",
)  # fmt: skip
"""Venues that are no conference."""


class Reference(NamedTuple):
    """A publication; ``authors`` with initials before each name, ``remark`` what of it was read."""

    authors: str
    title: str
    venue: str
    year: int
    arxiv: str = ""
    remark: str = ""

    def text(self) -> str:
        """One line for people."""
        where = f"{self.venue} {self.year}" if self.venue else f"arXiv:{self.arxiv}, {self.year}"
        notes = [f"arXiv:{self.arxiv}"] if self.arxiv and self.venue else []
        notes += [self.remark] if self.remark else []
        end = "" if self.title.endswith("?") else "."
        remarks = f" ({'; '.join(notes)})" if notes else ""
        return f"{self.authors}. {self.title}{end} {where}{remarks}."

    def bibtex(self, key: str) -> str:
        """The entry for a bibliography."""
        journal = self.venue in JOURNALS
        fields = {
            "author": " and ".join(map(_surname_first, self.authors.split(", "))),
            "title": "{" + self.title + "}",  # capitals as they are
            "journal" if journal else "booktitle": self.venue,
            "year": str(self.year),
            "eprint": self.arxiv,
            "archivePrefix": "arXiv" if self.arxiv else "",
        }
        kind = "article" if journal else "inproceedings" if self.venue else "misc"
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _surname_first(name: str) -> str:
    """``A. Sahiner`` as ``Sahiner, A.``: initials end at the last full stop."""
    initials, _, surname = name.rpartition(". ")
    return f"{surname}, {initials}."


PUBLICATIONS: dict[str, Reference] = {
    "pilanci-ergen-2020": Reference(
        "M. Pilanci, T. Ergen",
        "Neural Networks are Convex Regularizers",
        "ICML",
        2020,
    ),
    "sahiner-2021": Reference(
        "A. Sahiner, T. Ergen, J. Pauly, M. Pilanci",
        "Vector-output ReLU Neural Network Problems are Copositive Programs",
        "ICLR",
        2021,
    ),
    "ergen-pilanci-2021": Reference(
        "T. Ergen, M. Pilanci",
        "Revealing the Structure of Deep Neural Networks via Convex Duality",
        "ICML",
        2021,
    ),
    "mishkin-pilanci-2023": Reference(
        "A. Mishkin, M. Pilanci",
        "Optimal Sets and Solution Paths of ReLU Networks",
        "ICML",
        2023,
    ),
    "kim-mishkin-pilanci-2025": Reference(
        "S. Kim, A. Mishkin, M. Pilanci",
        "Exploring the Loss Landscape of Regularized Neural Networks via Convex Duality",
        "ICLR",
        2025,
        arxiv="2411.07729",
        remark="its abstract and the caption of its staircase were read",
    ),
    "mishkin-2022": Reference(
        "A. Mishkin, A. Sahiner, M. Pilanci",
        "Fast Convex Optimization for Two-Layer ReLU Networks",
        "ICML",
        2022,
    ),
    "wang-2022": Reference(
        "Y. Wang, J. Lacotte, M. Pilanci",
        "The Hidden Convex Optimization Landscape of Two-Layer ReLU Networks",
        "ICLR",
        2022,
    ),
    "cover-1965": Reference(
        "T. M. Cover",
        "Geometrical and Statistical Properties of Systems of Linear Inequalities with Applications in Pattern Recognition",
        "IEEE Trans. Electronic Computers",
        1965,
    ),
    "wang-2025": Reference(
        "B. Wang",
        "Representation Geometry in Task-Optimized Network Models",
        "Lecture slides, advanced theory course",
        2025,
        remark="read in a lossy transcription",
    ),
    "wang-fusi-johnston-2025": Reference(
        "B. Wang, S. Fusi, W. J. Johnston",
        "A Mathematical Theory for Understanding when Abstract Representations Emerge in Neural Networks",
        "",
        2025,
        arxiv="2510.09816",
        remark="its abstract; the theorems were not read",
    ),
    "papyan-2020": Reference(
        "V. Papyan, X. Y. Han, D. L. Donoho",
        "Prevalence of Neural Collapse during the Terminal Phase of Deep Learning Training",
        "PNAS",
        2020,
    ),
    "bernardi-2020": Reference(
        "S. Bernardi, M. K. Benna, M. Rigotti, J. Munuera, S. Fusi, C. D. Salzman",
        "The Geometry of Abstraction in the Hippocampus and Prefrontal Cortex",
        "Cell",
        2020,
    ),
    "phipson-smyth-2010": Reference(
        "B. Phipson, G. K. Smyth",
        "Permutation P-values Should Never Be Zero: Calculating Exact P-values When Permutations Are Randomly Drawn",
        "Statistical Applications in Genetics and Molecular Biology",
        2010,
    ),
    "westfall-young-1993": Reference(
        "P. H. Westfall, S. S. Young",
        "Resampling-Based Multiple Testing",
        "Wiley",
        1993,
    ),
    "groger-2026": Reference(
        "F. Gröger, S. Wen, M. Brbić",
        "Revisiting the Platonic Representation Hypothesis: An Aristotelian View",
        "",
        2026,
        "2602.14486",
    ),
    "efron-1979": Reference(
        "B. Efron",
        "Bootstrap Methods: Another Look at the Jackknife",
        "Annals of Statistics",
        1979,
    ),
    "kornblith-2019": Reference(
        "S. Kornblith, M. Norouzi, H. Lee, G. Hinton",
        "Similarity of Neural Network Representations Revisited",
        "ICML",
        2019,
    ),
    "lewandowski-2025": Reference(
        "M. Lewandowski, H. Eghbalzadeh, B. Heinzl, R. Pisoni, B. A. Moser",
        "On Space Folds of ReLU Neural Networks",
        "TMLR",
        2025,
        arxiv="2502.09954",
    ),
    "lewandowski-2024": Reference(
        "M. Lewandowski, H. Eghbal-zadeh, B. A. Moser",
        "CantorNet: A Sandbox for Testing Topological and Geometrical Measures",
        "NeurIPS Workshop on Symmetry and Geometry in Neural Networks",
        2024,
        arxiv="2411.19713",
    ),
    "sukenik-2023": Reference(
        "P. Sukenik, M. Mondelli, C. Lampert",
        "Deep Neural Collapse Is Provably Optimal for the Deep Unconstrained Features Model",
        "NeurIPS",
        2023,
        arxiv="2305.13165",
    ),
    "sukenik-2024": Reference(
        "P. Sukenik, M. Mondelli, C. Lampert",
        "Neural Collapse versus Low-rank Bias: Is Deep Neural Collapse Really Optimal?",
        "NeurIPS",
        2024,
        arxiv="2405.14468",
    ),
    "telgarsky-2016": Reference(
        "M. Telgarsky",
        "Benefits of Depth in Neural Networks",
        "COLT",
        2016,
    ),
    "tetkova-2025": Reference(
        "L. Tetkova, T. Brusch, T. Dorszewski, F. M. Mager, R. O. Aagaard, J. Foldager, T. S. Alstrom, L. K. Hansen",
        "On Convex Decision Regions in Deep Network Representations",
        "Nature Communications",
        2025,
    ),
    "rigotti-2013": Reference(
        "M. Rigotti, O. Barak, M. R. Warden, X.-J. Wang, N. D. Daw, E. K. Miller, S. Fusi",
        "The Importance of Mixed Selectivity in Complex Cognitive Tasks",
        "Nature",
        2013,
    ),
    "walther-2016": Reference(
        "A. Walther, H. Nili, N. Ejaz, A. Alink, N. Kriegeskorte, J. Diedrichsen",
        "Reliability of Dissimilarity Measures for Multi-Voxel Pattern Analysis",
        "NeuroImage",
        2016,
    ),
    "raposo-2014": Reference(
        "D. Raposo, M. T. Kaufman, A. K. Churchland",
        "A Category-Free Neural Population Supports Evolving Demands during Decision-Making",
        "Nature Neuroscience",
        2014,
    ),
    "hirokawa-2019": Reference(
        "J. Hirokawa, A. Vaughan, P. Masset, T. Ott, A. Kepecs",
        "Frontal Cortex Neuron Types Categorically Encode Single Decision Variables",
        "Nature",
        2019,
    ),
    "kaufman-2022": Reference(
        "M. T. Kaufman, M. K. Benna, M. Rigotti, F. Stefanini, S. Fusi, A. K. Churchland",
        "The Implications of Categorical and Category-Free Mixed Selectivity on Representational Geometries",
        "Current Opinion in Neurobiology",
        2022,
    ),
    "tyler-1987": Reference(
        "D. E. Tyler",
        "A Distribution-Free M-Estimator of Multivariate Scatter",
        "Annals of Statistics",
        1987,
    ),
    "nili-2014": Reference(
        "H. Nili, C. Wingfield, A. Walther, L. Su, W. Marslen-Wilson, N. Kriegeskorte",
        "A Toolbox for Representational Similarity Analysis",
        "PLOS Computational Biology",
        2014,
    ),
    "ledoit-wolf-2004": Reference(
        "O. Ledoit, M. Wolf",
        "A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices",
        "Journal of Multivariate Analysis",
        2004,
    ),
    "schafer-strimmer-2005": Reference(
        "J. Schäfer, K. Strimmer",
        "A Shrinkage Approach to Large-Scale Covariance Matrix Estimation and Implications for Functional Genomics",
        "Statistical Applications in Genetics and Molecular Biology",
        2005,
    ),
    "torgerson-1952": Reference(
        "W. S. Torgerson",
        "Multidimensional Scaling: I. Theory and Method",
        "Psychometrika",
        1952,
    ),
    "politis-romano-1994": Reference(
        "D. N. Politis, J. P. Romano",
        "Large Sample Confidence Regions Based on Subsamples under Minimal Assumptions",
        "Annals of Statistics",
        1994,
    ),
    "aronow-2015": Reference(
        "P. M. Aronow, C. Samii, V. A. Assenova",
        "Cluster-Robust Variance Estimation for Dyadic Data",
        "Political Analysis",
        2015,
    ),
    "sorscher-2022": Reference(
        "B. Sorscher, S. Ganguli, H. Sompolinsky",
        "Neural Representational Geometry Underlies Few-Shot Concept Learning",
        "PNAS",
        2022,
    ),
    "song-2012": Reference(
        "L. Song, A. Smola, A. Gretton, J. Bedo, K. Borgwardt",
        "Feature Selection via Dependence Maximization",
        "JMLR",
        2012,
    ),
    "schonemann-1966": Reference(
        "P. H. Schonemann",
        "A Generalized Solution of the Orthogonal Procrustes Problem",
        "Psychometrika",
        1966,
    ),
    "williams-2021": Reference(
        "A. H. Williams, E. Kunz, S. Kornblith, S. W. Linderman",
        "Generalized Shape Metrics on Neural Representations",
        "NeurIPS",
        2021,
    ),
    "huh-2024": Reference(
        "M. Huh, B. Cheung, T. Wang, P. Isola",
        "The Platonic Representation Hypothesis",
        "ICML",
        2024,
    ),
    "kriegeskorte-2008": Reference(
        "N. Kriegeskorte, M. Mur, P. Bandettini",
        "Representational Similarity Analysis - Connecting the Branches of Systems Neuroscience",
        "Frontiers in Systems Neuroscience",
        2008,
    ),
    "roy-2007": Reference(
        "O. Roy, M. Vetterli",
        "The Effective Rank: A Measure of Effective Dimensionality",
        "EUSIPCO",
        2007,
    ),
    "holm-1979": Reference(
        "S. Holm", "A Simple Sequentially Rejective Multiple Test Procedure", "Scandinavian Journal of Statistics", 1979
    ),
    "agresti-2005": Reference(
        "A. Agresti, Y. Min",
        "Simple Improved Confidence Intervals for Comparing Matched Proportions",
        "Statistics in Medicine",
        2005,
    ),
    "masarczyk-2023": Reference(
        "W. Masarczyk, M. Ostaszewski, E. Imani, R. Pascanu, P. Milos, T. Trzcinski",
        "The Tunnel Effect: Building Data Representations in Deep Neural Networks",
        "NeurIPS",
        2023,
    ),
    "facco-2017": Reference(
        "E. Facco, M. d'Errico, A. Rodriguez, A. Laio",
        "Estimating the Intrinsic Dimension of Datasets by a Minimal Neighborhood Information",
        "Scientific Reports",
        2017,
    ),
    "alain-2017": Reference(
        "G. Alain, Y. Bengio",
        "Understanding Intermediate Layers Using Linear Classifier Probes",
        "ICLR workshop",
        2017,
    ),
    "humayun-2023": Reference(
        "A. I. Humayun, R. Balestriero, G. Balakrishnan, R. Baraniuk",
        "SplineCam: Exact Visualization and Characterization of Deep Network Geometry and Decision Boundaries",
        "CVPR",
        2023,
    ),
    "montufar-2014": Reference(
        "G. Montúfar, R. Pascanu, K. Cho, Y. Bengio",
        "On the Number of Linear Regions of Deep Neural Networks",
        "NeurIPS",
        2014,
    ),
    "berzins-2023": Reference(
        "A. Berzins",
        "Polyhedral Complex Extraction from ReLU Networks using Edge Subdivision",
        "ICML",
        2023,
    ),
    "ergen-pilanci-2023": Reference(
        "T. Ergen, M. Pilanci",
        "Path Regularization: A Convexity and Sparsity Inducing Regularization for Parallel ReLU Networks",
        "NeurIPS",
        2023,
        arxiv="2110.09548",
    ),
    "wang-2021": Reference(
        "Y. Wang, T. Ergen, M. Pilanci",
        "Parallel Deep Neural Networks Have Zero Duality Gap",
        "ICLR",
        2023,
        arxiv="2110.06482",
    ),
}
"""What was published, by key."""

REFERENCES: dict[str, str] = {
    **{key: reference.text() for key, reference in PUBLICATIONS.items()},
    "transcribed": "A reading to avoid: a statement as transcribed, from notes in which formulas are missing or mis-read, "
    "or as public code has it. No author is held to it.",
    "relucvx": "Derived and tested in this package, not taken from a source.",
}
"""Every key that a docstring or a claim may name, and what it stands for."""


def sources_of(docstring: str) -> list[str]:
    """Keys that a docstring names after "Source:", in its order."""
    said = re.search(r"(?s)Source:(.*?)(?:Status:|\n\s*\n|$)", docstring)
    return [key for key in re.findall(r"\[([a-z0-9-]+)\]", said[1]) if key in REFERENCES] if said else []
