"""Faults in how layers are read: axes, tokens, pools, projections, copies."""

from sabotage.fault import Fault

TESTS = "pytest tests/metrics/layers"

FAULTS = (
    Fault(
        "projections that are not unbiased",
        "metrics.layers.projection:Projection.__init__",
        "/ np.sqrt(BLOCKS)",
        "/ BLOCKS",
        f"{TESTS}/test_projection.py::test_squared_norms_are_right_on_average_and_vary_as_stated",
    ),
    Fault(
        "a distortion stated too small",
        "metrics.layers.projection:Projection.facts",
        "np.sqrt(2.0 / self.columns)",
        "np.sqrt(1.0 / self.columns)",
        f"{TESTS}/test_projection.py::test_layers_wider_than_asked_for_are_projected_and_the_distortion_is_said",
    ),
    Fault(
        "filling counted in the mean",
        "metrics.layers.summaries:_token",
        "kept.sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)",
        "kept.sum(dim=1) / weights.shape[1]",
        f"{TESTS}/test_summaries.py::test_masked_tokens_count_for_nothing",
    ),
    Fault(
        "the last position for the last token",
        "metrics.layers.summaries:_token",
        "torch.where(there.any(dim=1), (there * steps).amax(dim=1), there.shape[1] - 1)",
        "torch.full((len(there),), there.shape[1] - 1)",
        f"{TESTS}/test_summaries.py::test_masked_tokens_count_for_nothing",
    ),
    Fault(
        "means in half precision",
        "metrics.layers.summaries:_token",
        "moved.double().mean(dim=1)",
        "moved.mean(dim=1)",
        f"{TESTS}/test_summaries.py::test_half_precision_is_measured_in_double",
    ),
    Fault(
        "steps taken for samples",
        "metrics.layers.bends:_axis",
        "return axis if bool(",
        "return 0 if bool(",
        f"{TESTS}/test_summaries.py::test_as_many_steps_as_samples_are_not_read_as_samples",
    ),
    Fault(
        "channels behind taken for places",
        "metrics.layers.roles:Roles._made",
        "if weighted and name in PRODUCTS:",
        "if False:",
        f"{TESTS}/test_summaries.py",
    ),
    Fault(
        "copies up to the last digit kept",
        "metrics.intrinsic:_two_distances",
        "COPY * resolution *",
        "0.0 * resolution *",
        "pytest tests/metrics/test_intrinsic.py::test_rows_repeated_up_to_the_last_bit_are_copies",
    ),
    Fault(
        "outputs of classes that do not occur kept in the head",
        "metrics.layers.scores:_head",
        "weights[:, kept]",
        "weights[:, ::-1][:, kept]",
        f"{TESTS}/test_profile.py::test_outputs_that_are_not_the_labels",
    ),
    Fault(
        "scores of attention without their scale's sign",
        "metrics.layers.attention:_scores",
        "q @ k.transpose(-2, -1) *",
        "-q @ k.transpose(-2, -1) *",
        f"{TESTS}/test_attention.py::test_functions_of_attention_are_read",
    ),
)
