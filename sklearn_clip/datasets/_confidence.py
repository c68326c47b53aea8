"""Confidences that a machine gave its labels: from which one on they are labels."""

from numbers import Real

from sklearn_clip._shared import warn_user

ADVICE = (
    "min_confidence=0.5 makes labels of those from there on and leaves the others "
    "unknown"
)


def check_min_confidence(value, *, of_boxes=False):
    """Raise if a parameter is nothing that confidences can be compared with.

    Parameters
    ----------
    value : object
        None where confidences are not expected.
    of_boxes : bool, default=False
        Whether 0 is the least sure box, and not a label that is absent.

    Raises
    ------
    ValueError
        If it is neither None nor a number in (0, 1], or in [0, 1] of boxes.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if value is None or (is_number and (0 < value <= 1 or (of_boxes and value == 0))):
        return
    raise ValueError(
        f"min_confidence must be in {'[' if of_boxes else '('}0, 1], or None. Got "
        f"{value!r}."
    )


class BoxConfidences:
    """Which boxes are labels, where some have a confidence.

    Parameters
    ----------
    min_confidence : float or None
        A box of at least this confidence is a label that is present; one below it says
        nothing. None takes all boxes.
    """

    def __init__(self, min_confidence):
        self._least = min_confidence
        self._guess, self._all_are_shares = None, True
        self._n_compared, self._highest = 0, 0.0

    def is_label(self, confidence, place):
        """Whether a box is a label that is present.

        Parameters
        ----------
        confidence : float
        place : str
            Where it stands.

        Returns
        -------
        bool

        Raises
        ------
        ValueError
            If it is to be compared, and is not in [0, 1].
        """
        is_share = 0 <= confidence <= 1
        if self._least is None:
            self._all_are_shares &= is_share
            if confidence < 1 and self._guess is None:
                self._guess = f"{confidence:g} ({place})"
            return True
        if not is_share:
            raise ValueError(
                f"A confidence must be in [0, 1]. Got {confidence:g} ({place}). "
                "min_confidence=None takes all boxes, whatever the number means."
            )
        self._n_compared += 1
        self._highest = max(self._highest, confidence)
        return confidence >= self._least

    def tell(self):
        """Warn of confidences that are not compared, or none of which is enough."""
        if self._n_compared and self._highest < self._least:
            warn_user(
                f"Some boxes should have a confidence of min_confidence={self._least}. "
                f"Got {self._highest:g} at most, in {self._n_compared}."
            )
        # Beyond [0, 1] they are something else: numbers of tracks, angles.
        if self._guess is not None and self._all_are_shares:
            warn_user(
                "Boxes should be drawn by people, or compared by their confidence. Got "
                f"the confidence {self._guess}, and a label of each box, the least "
                f"sure ones too. {ADVICE}; min_confidence=0 takes all."
            )
