"""The two parts of a model, and texts by which they are told apart."""

TOWERS = ("image", "text")
# Texts of several lengths: a tower shows on them whether it needs its padding, and a
# tokenizer which one it is.
TRIAL_TEXTS = (
    "a",
    "a photo of a cat",
    "two red bicycles and a small dog in front of a house by the sea",
)


def tower_output(output, tower):
    """Return what a tower gives: texts have no places, and give their embedding.

    Parameters
    ----------
    output : {"embedding", "penultimate", "tokens"}
        What is asked of the model.
    tower : {"image", "text"}
        The tower.

    Returns
    -------
    str
        What is asked of the tower.
    """
    return "embedding" if (output, tower) == ("tokens", "text") else output
