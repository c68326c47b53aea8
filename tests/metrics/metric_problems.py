"""Problems for the metrics: ties, labels without positives, unknown entries."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@st.composite
def problems(draw, unknown=True):
    """Targets with or without NaN, and scores of few values, so that many tie."""
    shape = (draw(st.integers(1, 8)), draw(st.integers(1, 5)))
    values = [0.0, 1.0, np.nan] if unknown else [0.0, 1.0]
    targets = draw(hnp.arrays(float, shape, elements=st.sampled_from(values)))
    score = st.one_of(
        st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(-3, 3, width=32)
    )
    scores = draw(
        hnp.arrays(draw(st.sampled_from(["f4", "f8"])), shape, elements=score)
    )
    return targets, scores
