"""Linear regions of networks, in three wings: along ``segments``, on ``polygons`` of a plane, and ``folds`` of input space.

Beside them: regions of the whole space (``linear``), over training (``tracking``), what counts as one (``merging``), how codes
are packed (``packing``) and polyhedra in few dimensions (``cells``).
"""
