"""What a score is worth: permutation tests and bootstrap intervals of every metric that is a number of arrays."""
