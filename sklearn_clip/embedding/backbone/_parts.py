"""The two parts of a model, and texts by which they are told apart."""

TOWERS = ("image", "text")
# Texts of several lengths: a tower shows on them whether it needs its padding, and a
# tokenizer which one it is.
TRIAL_TEXTS = (
    "a",
    "a photo of a cat",
    "two red bicycles and a small dog in front of a house by the sea",
)
