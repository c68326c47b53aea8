"""One HTML page about a tagger: how good it is, label by label, with its pictures."""

from sklearn_clip.report._tagger_report import TaggerReport

__all__ = ["TaggerReport"]
