"""Dual points that are easier to prove than a residual: chosen, found by relaxed programs, improved while time is left.

Nothing here proves anything: whatever comes out goes through :mod:`relucvx.certificate.proof`.
"""
