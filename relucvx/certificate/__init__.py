"""What is proven, recomputed from scratch; this package never imports the solver."""

from relucvx.certificate.beta_max import beta_max_interval
from relucvx.certificate.certificate import Certificate, certify_network

__all__ = ["Certificate", "beta_max_interval", "certify_network"]
