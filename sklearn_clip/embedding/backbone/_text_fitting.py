"""Which texts a model takes whole, and the pieces of those that it does not."""

import numpy as np

# Where a tokenizer pads: last, first, or last but one, before a class token.
_PADDING_PLACES = (-1, 0, -2)


class TextFitting:
    """Tells by its tokens whether a text is cut.

    Parameters
    ----------
    make_tokenizer : callable
        Returns the tokenizer: texts to tokens of shape (n, context length). It is not
        asked for texts that are short enough.
    context_length : int
        Tokens that a text is cut to.
    """

    def __init__(self, make_tokenizer, context_length):
        self._make_tokenizer = make_tokenizer
        self._length = context_length

    def chunk(self, text):
        """Split a text into runs of whole words that fit.

        Parameters
        ----------
        text : str
            The text.

        Returns
        -------
        list of str
            The text itself if it fits. A single word that does not fit stays alone.
        """
        if self.fits(text):
            return [text]
        chunks, words = [], text.split()
        while words:
            # The first word is taken whether it fits or not; a word is a token or more.
            low, high = 1, min(len(words), self._length)
            while low < high:
                middle = (low + high + 1) // 2
                if self.fits(" ".join(words[:middle])):
                    low = middle
                else:
                    high = middle - 1
            chunks.append(" ".join(words[:low]))
            words = words[low:]
        return chunks

    def fits(self, text):
        """Tell whether the tokenizer takes the whole text.

        No tokenizer of open_clip says so, but one that has cut a text gives other
        tokens, or a token in the place of the padding, when there is room for one more.

        Parameters
        ----------
        text : str
            The text.

        Returns
        -------
        bool
            The answer.
        """
        length = self._length
        if len(text.encode()) + 2 <= length:  # a token takes at least one byte
            return True
        tokenizer = self._make_tokenizer()
        tokens = np.asarray(tokenizer([text, "a"], context_length=length))
        longer = np.asarray(tokenizer([text, "a"], context_length=length + 1))
        # Behind the text as a rule, before it, or before a class token at the end: it
        # shows on the text that is too short to be cut.
        for place in _PADDING_PLACES:
            without = np.delete(longer, place, axis=1)
            if (without[1] == tokens[1]).all():
                padding = longer[1, place]
                return bool(
                    (without[0] == tokens[0]).all() and longer[0, place] == padding
                )
        return True
