"""Statements of the sources as claims, a file per subject: closed forms and theorems, predicted by the package's formulas.

``readings`` hold statements that fail, each beside what holds. The claims of the wing ``chapters`` compute everything twice.
"""
