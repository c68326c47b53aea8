"""Ordinary use of what is public, as a type checker reads it and as it runs.

`make lint` checks this file as a user's. A line with ``type: ignore`` is one that the
checker has to refuse: mypy reports a mark that it has no use for.
"""

from pathlib import Path
from typing import Any, assert_type

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

import sklearn_clip
from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    labels_to_frame,
    metrics,
    multilabel_train_test_split,
    near_duplicate_groups,
    predict_labels,
    top_labels,
)
from sklearn_clip.datasets import get_data_home, load_clipart, load_openclipart
from sklearn_clip.fusion import Fusion, MeanFusion, make_fusion
from sklearn_clip.losses import (
    AsymmetricLoss,
    MultiLabelLoss,
    asymmetric_loss,
    bce_loss,
    distribution_balanced_loss,
    make_loss,
    tempered_bce_loss,
    zlpr_loss,
)
from sklearn_clip.model_selection import NearDuplicateReport
from sklearn_clip.thresholds._search import find_thresholds

Y = np.array([[1, 0], [0, 1], [1, 1]])
P = np.array([[0.9, 0.8], [0.7, 0.6], [0.3, 0.5]])
FRAME = pd.DataFrame(Y, columns=["cat", "dog"])


def test_metrics_take_every_form_of_targets() -> None:
    f1 = metrics.masked_f1_score
    for score in (
        f1(Y, Y),
        f1(Y.tolist(), Y == 1),
        f1([[1, 0], [0, 1]], [(1.0, 0.0), (0.0, 1.0)]),
        f1([[1, None], [0, 1]], [[True, False], [False, True]]),
        f1([[1, pd.NA], [0, 1]], [[1, 0], [0, 1]]),
        f1(FRAME, FRAME.astype("Int8")),
        f1(pl.DataFrame(Y), pl.DataFrame(Y)),
        f1(sparse.csr_matrix(Y), sparse.csr_array(Y)),
        f1(torch.as_tensor(Y), torch.as_tensor(Y)),
        f1(np.ma.masked_equal(Y, -1), Y),
    ):
        assert assert_type(score, float) == 1


def test_average_decides_what_a_metric_returns() -> None:
    assert_type(metrics.masked_recall_score(Y, Y, average="samples"), float)
    values = metrics.masked_precision_score(Y, Y, average=None)
    assert assert_type(values, NDArray[np.float64]).shape == (2,)
    weights = pd.Series([1, 2, 3])
    gap = metrics.global_average_precision_score(FRAME, P, k=1, sample_weight=weights)
    assert 0 < assert_type(gap, float) < 1
    assert_type(metrics.average_precision_per_label(Y, P), NDArray[np.float64])
    assert_type(metrics.masked_hamming_loss(Y, Y, sample_weight=[1, 2, 0]), float)


def test_report_is_a_table_or_a_text() -> None:
    text = metrics.multilabel_report(
        Y, y_score=P, thresholds=[0.5, 0.6], label_names=FRAME.columns, output="text"
    )
    assert "dog" in assert_type(text, str)
    cuts = pd.Series({"cat": 0.5, "dog": 0.6})
    table = metrics.multilabel_report(FRAME, y_score=P, thresholds=cuts)
    assert table.loc["cat", "support"] == 2


def test_scorers_are_scorers() -> None:
    scorer = metrics.make_multilabel_scorer(
        metrics.masked_f1_score, "labels", average="micro"
    )
    assert_type(scorer, metrics.MultiLabelScorer)
    assert_type(metrics.gap_scorer, metrics.MultiLabelScorer)
    head = OneVsRestClassifier(LogisticRegression()).fit(P, Y)
    assert 0 <= scorer(head, P, Y) <= 1


def test_names_of_labels_may_be_any_collection() -> None:
    frame = labels_to_frame([["dog"], ("cat", "dog"), []], classes=["cat", "dog"])
    head = MultiLabelLogisticRegression(C=2, class_weight="balanced").fit(P, frame)
    assert_type(predict_labels(head, P), list[list[str]])
    for names in (None, ["a", "b"], frame.columns, np.array(["a", "b"])):
        found = top_labels(head, P, k=1, label_names=names)
        assert_type(found, list[list[tuple[str, float]]])
        assert len(found) == 3
    assert labels_to_frame([["dog"], None, float("nan")]).shape == (3, 1)


def test_groups_come_with_a_report_if_it_is_wanted() -> None:
    assert_type(near_duplicate_groups(P), NDArray[np.int64])
    groups, report = near_duplicate_groups(FRAME, 0.9, linkage="average", report=True)
    assert_type(groups, NDArray[np.int64])
    assert assert_type(report, NearDuplicateReport).linkage == "average"
    parts = multilabel_train_test_split(
        [{"image": "a.png"}] * 3, FRAME, y=[0, 1, None], test_size=1, random_state=0
    )
    assert len(assert_type(parts, list[Any])) == 6


def test_losses_take_tensors_and_numbers() -> None:
    logits, targets = torch.zeros(3, 2), torch.as_tensor(Y)
    for loss in (
        bce_loss(logits, targets, pos_weight=2),
        asymmetric_loss(logits, targets, gamma_neg=4, pos_weight=torch.ones(2)),
        tempered_bce_loss(logits, targets, scale=torch.tensor(9.0), bias=-1),
        distribution_balanced_loss(logits, targets, [2, 2], 3),
        zlpr_loss(logits, targets, reduction="sum"),
    ):
        assert assert_type(loss, torch.Tensor).ndim == 0
    assert_type(make_loss("asl", gamma_pos=0), MultiLabelLoss)
    assert_type(make_loss(AsymmetricLoss), AsymmetricLoss)
    assert_type(make_loss(torch.nn.BCELoss()), torch.nn.BCELoss)


def test_fusions_may_be_the_users() -> None:
    class Sum(Fusion):
        blocks = ("sum",)

        def fuse(
            self,
            image: NDArray[Any],
            text: NDArray[Any],
            image_present: NDArray[np.bool_],
            text_present: NDArray[np.bool_],
        ) -> NDArray[Any]:
            return image + text

    present = np.ones(3, dtype=bool)
    for fusion in (Sum(), MeanFusion(0.3), "product", lambda image, text: image * text):
        made = assert_type(make_fusion(fusion), Fusion)
        assert assert_type(made.fuse(P, P, present, present), NDArray[Any]).shape == (
            3,
            2,
        )


def test_thresholds_are_found_for_named_and_own_metrics() -> None:
    found = find_thresholds(P, Y == 1, metric="fbeta", beta=2, average="micro")
    assert assert_type(found, NDArray[np.float64]).shape == (2,)
    find_thresholds(P, Y == 1, metric=lambda tp, fp, fn, tn: tp - fp)


def test_data_sets_are_bunches_or_pairs(tmp_path: Path) -> None:
    assert assert_type(get_data_home(tmp_path / "data"), Path).is_dir()
    assert len(load_clipart(split="test", as_frame=True).target_names) == 43
    rows, targets = load_clipart(split="test", return_X_y=True)
    assert len(rows) == len(targets)
    with pytest.raises(FileNotFoundError, match="root must hold"):
        assert_type(load_openclipart(tmp_path), list[dict[str, Any]])


def test_estimators_are_classes_wherever_they_are_reached() -> None:
    assert_type(CLIPFeaturizer(fusion=MeanFusion(0.3), batch_size=8), CLIPFeaturizer)
    assert_type(sklearn_clip.CLIPFeaturizer(), CLIPFeaturizer)
    head = ThresholdOptimizer(LogisticRegression(), min_precision=0.9, cv="prefit")
    assert_type(head, sklearn_clip.thresholds.ThresholdOptimizer)


def test_what_is_no_choice_is_refused_by_checker_and_function() -> None:
    logits = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="average must be one of"):
        metrics.masked_f1_score(Y, Y, average="makro")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="output must be"):
        metrics.multilabel_report(Y, Y, output="html")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="linkage must be"):
        near_duplicate_groups(P, linkage="complete")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="response must be"):
        metrics.make_multilabel_scorer(
            metrics.masked_f1_score,
            "label",  # type: ignore[arg-type]
        )
    with pytest.raises(ValueError, match="reduction must be"):
        bce_loss(logits, logits, reduction="avg")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="split must be"):
        load_clipart(split="valid")  # type: ignore[arg-type]


def test_what_has_another_type_is_refused_by_checker_and_function() -> None:
    with pytest.raises(TypeError, match="logits must be a torch.Tensor"):
        bce_loss(P, torch.zeros(3, 2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="k must be a positive integer"):
        metrics.global_average_precision_score(Y, P, k="3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="y_true must be an array or a table"):
        metrics.masked_hamming_loss({"cat": [1, 0]}, Y)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="metric must be callable"):
        metrics.make_multilabel_scorer("f1")  # type: ignore[arg-type]


def test_names_that_are_not_there_are_refused_by_checker_and_package() -> None:
    with pytest.raises(AttributeError, match="CLIPFeaturiser"):
        sklearn_clip.CLIPFeaturiser  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match="LogisticHead"):
        sklearn_clip.heads.LogisticHead  # type: ignore[attr-defined]  # noqa: B018
