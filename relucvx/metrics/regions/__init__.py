"""Linear regions of networks: along segments (lines, folding), in planes (slices), between codes (hamming), over training.

``_…_kernels`` are the compiled loops: :mod:`~relucvx.metrics.regions.lines` and ``paths`` walk segments, ``slices`` cuts a
polygon, ``folding`` reads the codes met on the way.
"""
