"""What metrics ask of the samples: classes and factors, scales, sums over pairs, splits in two, the neighbour graph."""
