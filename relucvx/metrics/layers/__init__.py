"""The layers of a network: how they are read (hooks, watching, bends), every metric in each of them, and the figure of it."""
