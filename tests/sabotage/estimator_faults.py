"""Faults in the estimators and in what is read of scikit-learn's MLPs."""

from sabotage.fault import Fault

MULTISET, CLASSES, PATHS = (f"pytest tests/estimators/test_{name}.py" for name in ("multiset", "classifier", "path_cv"))
GIVEN, CONVENTIONS = "pytest tests/_api/test_given.py", "pytest tests/program/test_conventions.py"

FAULTS = (
    Fault(
        "weights of equal rows are added in the order of the rows",
        "estimators.multiset:as_multiset",
        "order = np.lexsort((weight, group))",
        "order = np.arange(len(weight))",
        f"{MULTISET}::test_order_and_rows_without_weight_do_not_matter",
    ),
    Fault(
        "rows without weight are kept",
        "estimators.multiset:as_multiset",
        "kept = weight > 0.0",
        "kept = weight >= 0.0",
        f"{MULTISET}::test_order_and_rows_without_weight_do_not_matter",
    ),
    Fault(
        "balanced classes forget the sample weights",
        "estimators.classifier:_class_factors",
        "totals = np.bincount(index, weight)",
        "totals = np.bincount(index)**2",
        f"{CLASSES}::test_weights_of_classes_are_weights_of_their_samples",
    ),
    Fault(
        "the first class of two is the positive one",
        "estimators.classifier:ConvexReLUClassifier._encode",
        "columns = [1] if",
        "columns = [0] if",
        f"{CLASSES}::test_labels_scores_and_probabilities_agree",
    ),
    Fault(
        "folds get the strengths of all samples",
        "estimators.fitting:ConvexReLU._walk",
        "betas = float(problem.sample_weight.sum()) *",
        "betas = 36.0 *",
        f"{PATHS}::test_scores_are_those_of_single_fits",
    ),
    Fault(
        "alpha is taken for the strength of a mean",
        "_api.given:_strength",
        "return from_sklearn_alpha(mlp.alpha, n,",
        "return n * from_sklearn_alpha(mlp.alpha, n,",
        f"{GIVEN}::test_the_upper_bound_is_the_objective_of_the_mlp",
    ),
    Fault(
        "the last batch counts like the others",
        "program.conventions:_batches",
        "inverse = full / min(size, n) + (1.0 / rest if rest else 0.0)",
        "inverse = (full + bool(rest)) / min(size, n)",
        f"{CONVENTIONS}::test_an_epoch_in_batches_has_the_mean_gradient_of_the_strength",
    ),
)
