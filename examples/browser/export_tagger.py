"""Write tagger.onnx for the page beside this script, from what ships with the package.

    python examples/browser/export_tagger.py

It learns the commonest tags of the shipped clip art from the pictures alone, by
``clipart-tiny``, and takes a minute.
"""

import argparse
from pathlib import Path

from sklearn.pipeline import Pipeline

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.datasets import load_clipart
from sklearn_clip.export import to_onnx
from sklearn_clip.thresholds import ThresholdOptimizer

# Tags with so many pictures at least: of fewer little can be learnt.
LEAST = 25


def main():
    """Fit and write the tagger."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--weights", default="float32")
    options = parser.parse_args()
    data = load_clipart(split="train", as_frame=True)
    targets = data.target.loc[:, data.target.sum() >= LEAST]
    tagger = Pipeline(
        [
            ("clip", CLIPFeaturizer("clipart-tiny", fusion="image")),
            ("head", ThresholdOptimizer(MultiLabelLogisticRegression(C=10), cv=5)),
        ]
    )
    tagger.fit(data.data, targets)
    path = options.out / "tagger.onnx"
    print(to_onnx(tagger, path, weights=options.weights, overwrite=True))


if __name__ == "__main__":
    main()
