"""What editors and type checkers see: every public name and where it comes from."""

from relucvx import datasets as datasets
from relucvx import kernel as kernel
from relucvx import metrics as metrics
from relucvx import theory as theory
from relucvx import training as training
from relucvx._api import certify as certify
from relucvx._api import interpolate as interpolate
from relucvx._api import optimal_set as optimal_set
from relucvx._api import solve as solve
from relucvx._strengths import beta_max as beta_max
from relucvx._strengths import beta_path as beta_path
from relucvx.arrangement import Arrangement as Arrangement
from relucvx.arrangement import count_patterns as count_patterns
from relucvx.arrangement import enumerate_patterns as enumerate_patterns
from relucvx.arrangement import sample_patterns as sample_patterns
from relucvx.certificate import Certificate as Certificate
from relucvx.certificate import OptimalSet as OptimalSet
from relucvx.certificate import Uniqueness as Uniqueness
from relucvx.errors import Interrupted as Interrupted
from relucvx.errors import RelucvxError as RelucvxError
from relucvx.kernel import representation_kernel as representation_kernel
from relucvx.network import DeepNetwork as DeepNetwork
from relucvx.network import TwoLayerReLU as TwoLayerReLU
from relucvx.network import balance as balance
from relucvx.network import from_torch as from_torch
from relucvx.network import merge as merge
from relucvx.network import prune as prune
from relucvx.network import to_torch as to_torch
from relucvx.program import ConvexProgram as ConvexProgram
from relucvx.program import GatedRelaxation as GatedRelaxation
from relucvx.program import Problem as Problem
from relucvx.program import Relaxation as Relaxation
from relucvx.program import doubly_nonnegative_bound as doubly_nonnegative_bound
from relucvx.program import lift_network as lift_network
from relucvx.program import make_problem as make_problem
from relucvx.program import nuclear_norm_bound as nuclear_norm_bound
from relucvx.program import recover_network as recover_network
from relucvx.report import Comparison as Comparison
from relucvx.report import compare as compare
from relucvx.solution import Solution as Solution
from relucvx.solution import load as load
from relucvx.training import train as train
from relucvx.types import Scope as Scope
from relucvx.types import Status as Status

__version__: str
