"""Bibliography keys used in docstrings (``Source: [key]``) and in claims.

Two of the sources were read in part only, and their entries say so: the lecture in a lossy transcription, the paper on
abstract representations by its abstract. A key names where a definition or a question comes from; what a statement rests
on is its status.
"""

from __future__ import annotations

REFERENCES: dict[str, str] = {
    "pilanci-ergen-2020": "M. Pilanci, T. Ergen. Neural Networks are Convex Regularizers. ICML 2020.",
    "sahiner-2021": "A. Sahiner, T. Ergen, J. Pauly, M. Pilanci. Vector-output ReLU Neural Network Problems are "
    "Copositive Programs. ICLR 2021.",
    "ergen-pilanci-2021": "T. Ergen, M. Pilanci. Revealing the Structure of Deep Neural Networks via Convex Duality. "
    "ICML 2021.",
    "mishkin-pilanci-2023": "A. Mishkin, M. Pilanci. Optimal Sets and Solution Paths of ReLU Networks. ICML 2023.",
    "kim-mishkin-pilanci-2025": "S. Kim, A. Mishkin, M. Pilanci. Exploring the Loss Landscape of Regularized Neural Networks "
    "via Convex Duality. ICLR 2025 (arXiv:2411.07729; its abstract and the caption of its staircase were read).",
    "mishkin-2022": "A. Mishkin, A. Sahiner, M. Pilanci. Fast Convex Optimization for Two-Layer ReLU Networks. "
    "ICML 2022.",
    "wang-2022": "Y. Wang, J. Lacotte, M. Pilanci. The Hidden Convex Optimization Landscape of Two-Layer ReLU "
    "Networks. ICLR 2022.",
    "cover-1965": "T. M. Cover. Geometrical and Statistical Properties of Systems of Linear Inequalities with "
    "Applications in Pattern Recognition. IEEE Trans. Electronic Computers, 1965.",
    "wang-2025": "B. Wang. Representation Geometry in Task-Optimized Network Models. Lecture slides, advanced theory course, "
    "2025 (read in a lossy transcription).",
    "wang-fusi-johnston-2025": "B. Wang, S. Fusi, W. J. Johnston. A Mathematical Theory for Understanding when Abstract "
    "Representations Emerge in Neural Networks. arXiv:2510.09816, 2025 (its abstract; the theorems were not read).",
    "papyan-2020": "V. Papyan, X. Y. Han, D. L. Donoho. Prevalence of Neural Collapse during the Terminal Phase of Deep "
    "Learning Training. PNAS 2020.",
    "bernardi-2020": "S. Bernardi, M. K. Benna, M. Rigotti, J. Munuera, S. Fusi, C. D. Salzman. The Geometry of "
    "Abstraction in the Hippocampus and Prefrontal Cortex. Cell 2020.",
    "kornblith-2019": "S. Kornblith, M. Norouzi, H. Lee, G. Hinton. Similarity of Neural Network Representations "
    "Revisited. ICML 2019.",
    "lewandowski-2025": "M. Lewandowski, H. Eghbalzadeh, B. Heinzl, R. Pisoni, B. A. Moser. On Space Folds of ReLU "
    "Neural Networks. TMLR 2025 (arXiv:2502.09954).",
    "lewandowski-2024": "M. Lewandowski, H. Eghbal-zadeh, B. A. Moser. CantorNet: A Sandbox for Testing Topological and "
    "Geometrical Measures. NeurIPS Workshop on Symmetry and Geometry in Neural Networks 2024 (arXiv:2411.19713).",
    "sukenik-2023": "P. Sukenik, M. Mondelli, C. Lampert. Deep Neural Collapse Is Provably Optimal for the Deep Unconstrained "
    "Features Model. NeurIPS 2023 (arXiv:2305.13165).",
    "sukenik-2024": "P. Sukenik, M. Mondelli, C. Lampert. Neural Collapse versus Low-rank Bias: Is Deep Neural Collapse Really "
    "Optimal? NeurIPS 2024 (arXiv:2405.14468).",
    "telgarsky-2016": "M. Telgarsky. Benefits of Depth in Neural Networks. COLT 2016.",
    "tetkova-2025": "L. Tetkova, T. Brusch, T. Dorszewski, F. M. Mager, R. O. Aagaard, J. Foldager, T. S. Alstrom, "
    "L. K. Hansen. On Convex Decision Regions in Deep Network Representations. Nature Communications 2025.",
    "rigotti-2013": "M. Rigotti, O. Barak, M. R. Warden, X.-J. Wang, N. D. Daw, E. K. Miller, S. Fusi. The Importance of "
    "Mixed Selectivity in Complex Cognitive Tasks. Nature 2013.",
    "walther-2016": "A. Walther, H. Nili, N. Ejaz, A. Alink, N. Kriegeskorte, J. Diedrichsen. Reliability of "
    "Dissimilarity Measures for Multi-Voxel Pattern Analysis. NeuroImage 2016.",
    "politis-romano-1994": "D. N. Politis, J. P. Romano. Large Sample Confidence Regions Based on Subsamples under "
    "Minimal Assumptions. Annals of Statistics 1994.",
    "aronow-2015": "P. M. Aronow, C. Samii, V. A. Assenova. Cluster-Robust Variance Estimation for Dyadic Data. "
    "Political Analysis 2015.",
    "sorscher-2022": "B. Sorscher, S. Ganguli, H. Sompolinsky. Neural Representational Geometry Underlies Few-Shot "
    "Concept Learning. PNAS 2022.",
    "song-2012": "L. Song, A. Smola, A. Gretton, J. Bedo, K. Borgwardt. Feature Selection via Dependence Maximization. "
    "JMLR 2012.",
    "schonemann-1966": "P. H. Schonemann. A Generalized Solution of the Orthogonal Procrustes Problem. Psychometrika "
    "1966.",
    "williams-2021": "A. H. Williams, E. Kunz, S. Kornblith, S. W. Linderman. Generalized Shape Metrics on Neural "
    "Representations. NeurIPS 2021.",
    "huh-2024": "M. Huh, B. Cheung, T. Wang, P. Isola. The Platonic Representation Hypothesis. ICML 2024.",
    "kriegeskorte-2008": "N. Kriegeskorte, M. Mur, P. Bandettini. Representational Similarity Analysis - Connecting the "
    "Branches of Systems Neuroscience. Frontiers in Systems Neuroscience 2008.",
    "roy-2007": "O. Roy, M. Vetterli. The Effective Rank: A Measure of Effective Dimensionality. EUSIPCO 2007.",
    "masarczyk-2023": "W. Masarczyk, M. Ostaszewski, E. Imani, R. Pascanu, P. Milos, T. Trzcinski. The Tunnel Effect: "
    "Building Data Representations in Deep Neural Networks. NeurIPS 2023.",
    "facco-2017": "E. Facco, M. d'Errico, A. Rodriguez, A. Laio. Estimating the Intrinsic Dimension of Datasets by a "
    "Minimal Neighborhood Information. Scientific Reports 2017.",
    "alain-2017": "G. Alain, Y. Bengio. Understanding Intermediate Layers Using Linear Classifier Probes. ICLR workshop "
    "2017.",
    "humayun-2023": "A. I. Humayun, R. Balestriero, G. Balakrishnan, R. Baraniuk. SplineCam: Exact Visualization and "
    "Characterization of Deep Network Geometry and Decision Boundaries. CVPR 2023.",
    "berzins-2023": "A. Berzins. Polyhedral Complex Extraction from ReLU Networks using Edge Subdivision. ICML 2023.",
    "transcribed": "A reading to avoid: a statement as transcribed, from notes in which formulas are missing or mis-read, "
    "or as public code has it. No author is held to it.",
    "relucvx": "Derived and tested in this package, not taken from a source.",
    "ergen-pilanci-2023": "T. Ergen, M. Pilanci. Path Regularization: A Convexity and Sparsity Inducing Regularization "
    "for Parallel ReLU Networks. NeurIPS 2023 (arXiv:2110.09548).",
    "wang-2021": "Y. Wang, T. Ergen, M. Pilanci. Parallel Deep Neural Networks Have Zero Duality Gap. ICLR 2023 "
    "(arXiv:2110.06482).",
}
