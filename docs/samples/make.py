"""Make the sample files of the guide from data that ship inside scikit-learn: ``python docs/samples/make.py``."""

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_diabetes, load_iris

HERE = Path(__file__).parent


def tables():
    """Names of the files and their text."""
    iris = load_iris()
    flowers = pd.DataFrame(iris.data, columns=["sepal_length", "sepal_width", "petal_length", "petal_width"])
    flowers["species"] = [iris.target_names[k] for k in iris.target]
    new = flowers.iloc[5::25, [3, 2, 1, 0]]  # other flowers would be better; these stand in another order, unnamed
    raw = load_diabetes(scaled=False)
    progress = pd.DataFrame(raw.data, columns=raw.feature_names)[["age", "bmi", "bp"]].assign(progression=raw.target)
    return {
        "flowers.csv": flowers.to_csv(index=False),
        "new_flowers.csv": new.to_csv(index=False),
        "progress_eu.csv": progress.to_csv(index=False, sep=";", decimal=","),
    }


if __name__ == "__main__":
    for name, text in tables().items():
        (HERE / name).write_text(text)
