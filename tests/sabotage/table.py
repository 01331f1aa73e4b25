"""All faults by name, and those that nothing notices, with the reason."""

from sabotage.bag_faults import FAULTS as BAGS
from sabotage.band_faults import FAULTS as BANDS
from sabotage.cover_faults import FAULTS as COVERS
from sabotage.estimator_faults import FAULTS as ESTIMATORS
from sabotage.explain_faults import FAULTS as EXPLAIN
from sabotage.geometry_faults import FAULTS as GEOMETRY
from sabotage.layer_faults import FAULTS as LAYERS
from sabotage.limit_faults import FAULTS as LIMIT
from sabotage.null_faults import FAULTS as NULLS
from sabotage.optima_faults import FAULTS as OPTIMA
from sabotage.plane_faults import FAULTS as PLANE
from sabotage.program_faults import FAULTS as PROGRAM
from sabotage.proof_faults import FAULTS as PROOFS
from sabotage.range_faults import FAULTS as RANGES
from sabotage.recording_faults import FAULTS as RECORDINGS
from sabotage.running_faults import FAULTS as RUNNING
from sabotage.sample_faults import FAULTS as SAMPLES
from sabotage.sweep_faults import FAULTS as SWEEPS
from sabotage.theory_faults import FAULTS as THEORY

FAULTS = (
    *LAYERS,
    *PROGRAM, *GEOMETRY, *THEORY, *BAGS, *COVERS, *LIMIT, *BANDS, *OPTIMA, *RANGES, *PROOFS, *PLANE, *ESTIMATORS, *SWEEPS,
    *NULLS, *RUNNING, *EXPLAIN, *RECORDINGS, *SAMPLES,
)  # fmt: skip

BY_NAME = {fault.name: fault for fault in FAULTS}

SURVIVORS: dict[str, str] = {
    "probe without the intercept's column": "no fault: the classifier's own intercept takes up what centring would",
}
"""Faults that survive, and why that is known and accepted."""

UNTOUCHED: tuple[str, ...] = ()
"""Claims that no fault of the table violates."""
