"""Claims of the theory, one file per chapter; each computes what it checks a second time, without the package's formulas.

(The folder is not named ``claims``: that is the function :func:`relucvx.theory.claims`.)
"""
