"""Pictures of multi-label data and of how well it is predicted, with matplotlib.

The displays follow scikit-learn's: a ``from_...`` method computes and draws, ``plot``
draws again. matplotlib is imported when the first one is made; without it all of them
raise an ImportError that names the extra ``plot``.
"""

from sklearn_clip.plotting._answer_coverage import AnswerCoverageDisplay
from sklearn_clip.plotting._calibration import MultiLabelCalibrationDisplay
from sklearn_clip.plotting._cooccurrence import LabelCooccurrenceDisplay
from sklearn_clip.plotting._label_grid import LabelGridDisplay
from sklearn_clip.plotting._label_heatmap import LabelHeatmapDisplay
from sklearn_clip.plotting._label_score import LabelScoreDisplay
from sklearn_clip.plotting._near_duplicates import NearDuplicateDisplay
from sklearn_clip.plotting._precision_recall import MultiLabelPrecisionRecallDisplay
from sklearn_clip.plotting._threshold_curve import ThresholdCurveDisplay

__all__ = [
    "AnswerCoverageDisplay",
    "LabelCooccurrenceDisplay",
    "LabelGridDisplay",
    "LabelHeatmapDisplay",
    "LabelScoreDisplay",
    "MultiLabelCalibrationDisplay",
    "MultiLabelPrecisionRecallDisplay",
    "NearDuplicateDisplay",
    "ThresholdCurveDisplay",
]
