"""What the hidden kernels of all networks near the optimum have in common: ranges of functionals and of statistics of them,
along the strengths too, and what a kernel costs at least.
"""
