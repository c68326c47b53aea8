"""General words beside the labels; apart, so that they are had without torch."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Background:
    """General words that a label has to stand out from.

    Parameters
    ----------
    embeddings : array-like of shape (n_background, n_features)
        Their embeddings, of any length but 0.
    logit_scale : float, default=100.0
        Factor of the cosines with them, above 0: the model's.
    own : dict of int to list of int, default={}
        By number of the label, the words (rows of `embeddings`) that are its own name
        or description, and so no alternative to it. Labels in another order want
        another Background.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.zero_shot import Background
    >>> Background(np.eye(2, 3), logit_scale=30.0, own={0: [1]}).own
    {0: [1]}
    """

    embeddings: np.ndarray
    logit_scale: float = 100.0
    own: dict = field(default_factory=dict)
