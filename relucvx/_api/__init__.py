"""The front doors: the one place where solver and certificate meet.

:mod:`~relucvx._api.solving` holds those of one problem; the others ask about many strengths, all optima, given kernels, many
problems. Every result carries a certificate recomputed by :mod:`relucvx.certificate`.
"""
