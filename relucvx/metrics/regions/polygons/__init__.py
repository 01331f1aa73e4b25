"""On polygons of a plane: the exact subdivision into regions, in tiles where it is large, with codes, maps and measures.

``slices`` is asked; ``compiled_slices`` cuts networks that are read (its loops are ``_…_kernels``), ``running_slices`` modules
that run; ``tiles`` and ``stitching`` keep the memory small.
"""
