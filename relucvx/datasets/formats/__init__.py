"""Kinds of data files, each read into a :class:`~relucvx.datasets.columns.Table` or into arrays by name."""
