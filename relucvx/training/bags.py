"""Bags of rows in torch: what samples read of the units on their rows, for many networks at once, and the way back."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

from relucvx.network.pooling import Pooling


class Bags:
    """A pooling as a torch operation on activities (S, m, R) of S networks.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].

    Examples
    --------
    >>> import torch
    >>> from relucvx.network.pooling import pool_bags
    >>> from relucvx.training.bags import Bags
    >>> bags = Bags(pool_bags(2, 2, "mean"), torch.float64, torch.device("cpu"))
    >>> bags.read(torch.tensor([[[1.0, 3.0, 5.0, 9.0]]], dtype=torch.float64)).tolist()
    [[[2.0, 7.0]]]
    """

    def __init__(self, pooling: Pooling, dtype: Any, device: Any) -> None:
        self.count, self.readouts = pooling.n_samples, pooling.n_readouts
        operator = pooling.operator.tocsr()

        def sparse(matrix: Any) -> Any:
            parts = (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # torch calls its compressed layout unfinished
                return torch.sparse_csr_tensor(
                    *map(torch.as_tensor, parts), size=matrix.shape, dtype=dtype, device=device
                )

        # both ways as sparse rows: torch has no product with a transposed one
        self.operator, self.adjoint = sparse(operator), sparse(operator.T.tocsr())

    def read(self, H: Any) -> Any:
        """Activities of rows (S, m, R) as samples read them, (S, m K, n); a unit's read-outs stand side by side."""
        S, m, R = H.shape
        P = (self.operator @ H.reshape(S * m, R).T).view(self.count, self.readouts, S, m)
        return P.permute(2, 3, 1, 0).reshape(S, m * self.readouts, self.count)

    def spread(self, Q: Any) -> Any:
        """The adjoint of :meth:`read`: (S, m K, n) to (S, m, R)."""
        S, mK, n = Q.shape
        m = mK // self.readouts
        flat = Q.view(S, m, self.readouts, n).permute(3, 2, 0, 1).reshape(n * self.readouts, S * m)
        return (self.adjoint @ flat).T.reshape(S, m, -1)
