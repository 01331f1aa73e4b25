"""Torch modules: read as lists of affine maps, traced where their forward is their own, and written from weights.

Modules of this wing have torch at their top; others import them when a module is at hand.
"""
