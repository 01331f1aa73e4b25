"""The training problem: losses, objective, duality, and the convex program over an arrangement."""
