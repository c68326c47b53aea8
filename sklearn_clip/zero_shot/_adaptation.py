"""Zero-shot scores fitted to rows without labels, in one of three ways."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from sklearn_clip._shared import by_name, hint_at_name, is_missing, respell_keys
from sklearn_clip.zero_shot._captions import (
    CaptionBank,
    embed_captions,
    move_labels,
)
from sklearn_clip.zero_shot._checks import shows_nothing
from sklearn_clip.zero_shot._levels import (
    common_offset,
    common_slope,
    estimate_prior,
    even_slopes,
    match_prior,
    measure_levels,
)
from sklearn_clip.zero_shot._visual import VisualLabels, fit_visual_labels

ADAPTATIONS = ("scores", "captions", "images")
# A frequency of 0 or 1 has no log-odds; what never occurs is taken to be this rare.
_RAREST = 1e-4
# Rows by which the level of a label is measured where every row has to be compared with
# every caption first: more of them change no mean.
_LEVEL_ROWS = 10_000
# Log-odds, further than any frequency is from another.
_FARTHEST = 40.0


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What rows without labels have changed.

    Parameters
    ----------
    labels : ndarray of shape (n_labels, d), dtype float32
        Their vectors.
    bank : CaptionBank or None
        Moves rows before they are scored.
    visual : VisualLabels or None
        Is added to the log-odds.
    prior : ndarray of shape (n_labels,), or None
        The frequencies that the scores were brought to.
    slope, intercept : ndarray of shape (n_labels,), dtype float32, or None
        How they were.
    """

    labels: np.ndarray
    bank: CaptionBank | None = None
    visual: VisualLabels | None = None
    prior: np.ndarray | None = None
    slope: np.ndarray | None = None
    intercept: np.ndarray | None = None


def read_prior(prior, names):
    """Turn the parameter ``prior`` into one frequency per label.

    Parameters
    ----------
    prior : float, array-like of shape (n_labels,), dict or None
        The parameter.
    names : list of str
        The labels.

    Returns
    -------
    ndarray of shape (n_labels,) or (), or None
        Frequencies inside (0, 1), NaN where one is not known; without an axis their
        mean over the labels.

    Raises
    ------
    ValueError
        If there is another number of them than labels, a name is unknown, or one is
        out of range.
    """
    if prior is None:
        return None
    found = np.full(len(names), np.nan)
    prior = by_name(prior)
    if isinstance(prior, Mapping):
        place = {name: label for label, name in enumerate(names)}
        for name, value in respell_keys(prior, names).items():
            if name not in place:
                raise ValueError(
                    f"prior must name labels of classes. Got {name!r}, which is none "
                    f"of the {len(names)}.{hint_at_name(name, names)}"
                )
            found[place[name]] = _read_number(value, f"label {name!r}")
    else:
        given = np.asarray(prior)
        if given.shape not in ((), (len(names),)):
            raise ValueError(
                "prior must be a number, or one for each of the "
                f"{len(names)} labels. Got shape {given.shape}."
            )
        if given.ndim == 0:
            mean = np.asarray(_read_number(given[()], "the mean of all labels"))
            return None if np.isnan(mean) else np.clip(mean, _RAREST, 1 - _RAREST)
        for label, value in enumerate(given):
            found[label] = _read_number(value, f"label {names[label]!r}")
    return np.clip(found, _RAREST, 1 - _RAREST)


def _read_number(value, where):
    """Read one frequency; NaN where it is not known."""
    try:
        number = np.nan if is_missing(value) else float(value)
    except (TypeError, ValueError):
        number = np.inf
    if not (np.isnan(number) or 0 <= number <= 1):
        raise ValueError(
            "prior must be how often a label occurs, in [0, 1], or NaN where that is "
            f"not known. Got {value} ({where})."
        )
    return number


def check_adaptation(way, prior, rows, *, is_probability, hint):
    """Check that parameters go together, before anything is embedded.

    Parameters
    ----------
    way : {"scores", "captions", "images"} or None
        The parameter ``adapt``.
    prior : object
        The parameter.
    rows : object
        X.
    is_probability : bool
        Whether the scores are log-odds without labelled rows.
    hint : str
        Names the scoring.

    Raises
    ------
    ValueError
        If they do not.
    """
    if way is None:
        if prior is not None:
            raise ValueError(
                "prior is what adapt= brings scores to, over rows without labels. Got "
                "adapt=None. Pass adapt='scores', 'captions' or 'images'."
            )
        return
    if rows is None:
        raise ValueError(
            f"adapt={way!r} learns from rows, which need no labels: X must be given to "
            "fit. Got None."
        )
    if not is_probability and (way != "captions" or prior is not None):
        what = f"adapt={way!r}" if way != "captions" else "prior"
        raise ValueError(
            f"{what} needs scores that are log-odds, and {hint} gives cosines, which "
            "have no zero. Use scoring='contrast'."
        )


def adapt_scores(way, scorer, features, prior, *, captions, is_probability):
    """Fit what scores rows to rows without labels.

    Parameters
    ----------
    way : {"scores", "captions", "images"}
        How.
    scorer : Scorer
        Prompts alone.
    features : ndarray of shape (n, d) or (n, n_parts * d), dtype float32
        Unit rows; those that show nothing, or of which that is unknown, are left out.
    prior : ndarray of shape (n_labels,) or (), or None
        From `read_prior`.
    captions : tuple of (featurizer, list of list of str, list of str), or None
        What embeds, the descriptions of the labels, and the captions; only for
        ``"captions"``.
    is_probability : bool
        Whether the scores are log-odds.

    Returns
    -------
    Adaptation
        The result.

    Raises
    ------
    ValueError
        If no row shows anything.
    """
    features = features[~shows_nothing(features)]
    if not len(features):
        raise ValueError(
            f"adapt={way!r} needs rows that show something. Got none: the items of "
            "all rows are missing or could not be read."
        )
    found = Adaptation(scorer.labels)
    if way == "captions":
        # Spread over all rows, which may lie in an order.
        few = np.linspace(0, len(features) - 1, min(len(features), _LEVEL_ROWS))
        everything, features = features, features[few.astype(np.int64)]
    before = measure_levels(scorer, features) if is_probability else None
    if way == "captions":
        featurizer, descriptions, texts = captions
        whole = everything[
            :, : scorer.labels.shape[1]
        ]  # the picture before its regions
        bank = embed_captions(featurizer, texts, whole, scorer.scale)
        labels = move_labels(scorer.labels, descriptions, texts, bank)
        found = replace(found, labels=labels, bank=bank)
        features, scorer = bank.move(features), replace(scorer, labels=labels)
    elif way == "images":
        found = replace(found, visual=fit_visual_labels(scorer, features))
        scorer = scorer.with_visual(found.visual)
    if before is None:
        return found
    after = before if way == "scores" else measure_levels(scorer, features)
    return replace(found, **_bring(way, prior, before.shrunk(), after.shrunk()))


def _bring(way, prior, before, after):
    """Slope and offset of every label, and the frequency that they are for."""
    n_labels = len(before.counts)
    stated = before.mean_probability()
    slope = np.ones(n_labels)
    if way == "scores":
        slope = even_slopes(after)
    elif way == "images":
        # What is added widens the scores: all alike they are drawn together again.
        slope *= common_slope(after, before)
    if way == "images" and (prior is None or prior.ndim == 0):
        # One offset for all labels: which of them are rare the images know better.
        mean = float(stated.mean() if prior is None else prior)
        offset = np.full(n_labels, common_offset(after, mean, slope[0]))
        goal = after.mean_probability(slope, offset)
    else:
        goal = _fill_prior(way, prior, before, stated)
        offset = match_prior(after, goal, slope)
    return {
        "prior": goal,
        "slope": slope.astype(np.float32),
        "intercept": offset.astype(np.float32),
    }


def _fill_prior(way, prior, before, stated):
    """Put an estimate where no frequency is given."""
    if prior is not None and prior.ndim and not np.isnan(prior).any():
        return prior
    if way == "captions" and (prior is None or prior.ndim == 0):
        # Vectors that move take the level of some labels along, and leave others.
        estimate = np.clip(stated, _RAREST, 1 - _RAREST)
    else:
        estimate = estimate_prior(before)
    if prior is None:
        return estimate
    if prior.ndim == 0:
        return _bring_mean(estimate, float(prior))
    return np.where(np.isnan(prior), estimate, prior)


def _bring_mean(frequencies, mean):
    """Multiply the odds of all frequencies so that their mean is another."""
    odds = logit(frequencies)
    shift = brentq(lambda c: expit(odds + c).mean() - mean, -_FARTHEST, _FARTHEST)
    return expit(odds + shift)
