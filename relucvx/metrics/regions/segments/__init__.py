"""Along segments: breakpoints and activation codes, of networks that are read (``lines``, ``paths``) and of modules that run.

``_…_kernels`` are the compiled loops of the walk; ``flips`` keeps codes as what changes from each to the next.
"""
