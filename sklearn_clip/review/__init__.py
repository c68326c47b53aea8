"""What to look at next: suspicious cells, cells to ask about, annotators."""

from sklearn_clip.review._annotators import AnnotatorQuality, annotator_quality
from sklearn_clip.review._issues import find_label_issues
from sklearn_clip.review._queries import suggest_queries
from sklearn_clip.review._tables import LabelIssues, LabelQueries

__all__ = [
    "AnnotatorQuality",
    "LabelIssues",
    "LabelQueries",
    "annotator_quality",
    "find_label_issues",
    "suggest_queries",
]
