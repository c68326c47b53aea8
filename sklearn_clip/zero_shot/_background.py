"""What else a picture may show: the alternatives that a label stands out from."""

from sklearn_clip._shared import clean_name
from sklearn_clip.embedding import TEMPLATES, Background, check_text, plain_text

__all__ = ["BACKGROUND", "TEMPLATES", "Background", "own_words", "read_background"]

#: The general words that each label is compared with, where no others are given.
BACKGROUND = (
    *("something", "object", "thing", "nothing", "background", "anything", "image"),
    *("picture", "photo", "scene", "person", "man", "woman", "child", "animal"),
    *("plant", "food", "drink", "building", "house", "room", "street", "vehicle"),
    *("machine", "tool", "furniture", "clothing", "toy", "landscape", "sky", "water"),
    *("sign", "text", "symbol", "pattern", "music", "sport", "work", "nature"),
)


def read_background(background):
    """Check the background texts.

    Parameters
    ----------
    background : "default" or array-like of str
        Texts; ``"default"`` is `BACKGROUND`.

    Returns
    -------
    list of str
        The distinct texts.

    Raises
    ------
    ValueError
        If there is none.
    TypeError
        If they are no list of str.
    """
    if isinstance(background, str):
        if background == "default":
            return list(BACKGROUND)
        raise ValueError(
            f"background must be 'default' or a list of texts. Got {background!r}."
        )
    texts = [plain_text(text) for text in background]
    for text in texts:
        check_text(text, "a text in background")
    if not texts:
        raise ValueError("background must hold at least one text. Got none.")
    return list(dict.fromkeys(texts))


def own_words(descriptions, background):
    """Find the background texts that are a description of a label.

    Parameters
    ----------
    descriptions : list of list of str
        The descriptions of each label.
    background : list of str
        The background texts.

    Returns
    -------
    dict of int to list of int
        For the labels concerned the positions of their texts in the background, which
        are no alternative to them, in whatever case; names that look alike are one.

    Raises
    ------
    ValueError
        If no text is left for a label.
    """
    place = {}
    for position, text in enumerate(background):
        place.setdefault(_fold(text), []).append(position)
    found = {}
    for label, texts in enumerate(descriptions):
        own = {p for text in texts for p in place.get(_fold(text), ())}
        if len(own) == len(background):
            raise ValueError(
                "background must hold a text that is none of the label's own. Got "
                f"{background} for the label described by {texts}."
            )
        if own:
            found[label] = sorted(own)
    return found


def _fold(text):
    return clean_name(text).casefold()
