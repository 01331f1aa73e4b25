"""relucvx: certified global optima of two-layer ReLU networks."""
