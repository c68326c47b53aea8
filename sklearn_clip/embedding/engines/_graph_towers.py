"""Towers that another engine than torch runs; torch need not be there."""

import numpy as np

# Texts are brought to a multiple of so many tokens, each by its own length: its vector
# is then the same to the last bit, whatever else is encoded with it.
_TOKEN_STEP = 8


def useful_lengths(tokens, padding):
    """Say to what lengths a graph gets texts.

    Parameters
    ----------
    tokens : ndarray of shape (n, context length)
        Tokens.
    padding : int or None
        Token that may be cut off a text's end; None if the tower needs all.

    Returns
    -------
    ndarray of shape (n,)
        How many tokens of each text, of its own alone, matter; rounded up.
    """
    whole = tokens.shape[1]
    if padding is None:
        return np.full(len(tokens), whole)
    used = whole - np.argmax(tokens[:, ::-1] != padding, axis=1)
    # A row of nothing but padding has no last token: argmax finds the first place.
    return np.minimum(-(-used // _TOKEN_STEP) * _TOKEN_STEP, whole)


class GraphImageTower:
    """The image tower as a graph.

    Parameters
    ----------
    session : Session
        Of an engine; it takes what `prepare` gives.
    prepare : Preparation
        PIL image to ndarray.
    draft_side : int or None
        Side in pixels, below which no JPEG need be decoded.
    precision : {"int8", "bf16", "fp32"}
        Arithmetic.
    identity : str
        All that a vector depends on beside the picture, the weights and the pixels.
    """

    def __init__(self, session, prepare, draft_side, precision, identity):
        self._session = session
        self.prepare = prepare
        self.plan = prepare.plan
        self.draft_side = draft_side
        self.precision = precision
        self.identity = identity

    def collate(self, prepared):
        """Stack prepared pictures to one batch.

        Parameters
        ----------
        prepared : list of ndarray
            From `prepare`.

        Returns
        -------
        ndarray
            One batch.
        """
        return np.stack(prepared)

    def encode(self, batch):
        """Encode one batch.

        Parameters
        ----------
        batch : ndarray
            From `collate`.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Embeddings, not normalised.
        """
        return self._session.run(batch)


class GraphTextTower:
    """The text tower as a graph.

    Parameters
    ----------
    session : Session
        Of an engine; it takes tokens of shape (n, length).
    tokenizer : callable
        Texts to tokens of shape (n, context length).
    padding : int or None
        Token that may be cut off a text's end; None if the tower needs all.
    precision : {"int8", "bf16", "fp32"}
        Arithmetic.
    identity : str
        All that a vector depends on beside the tokens and the weights.
    """

    def __init__(self, session, tokenizer, padding, precision, identity):
        self._session = session
        self._tokenizer = tokenizer
        self._padding = padding
        self.precision = precision
        self.identity = identity

    def collate(self, texts):
        """Make the tokens of one batch.

        Parameters
        ----------
        texts : list of str
            Best of similar lengths.

        Returns
        -------
        ndarray of shape (n, context length), dtype int64
            Tokens.
        """
        return np.asarray(self._tokenizer(list(texts)), dtype=np.int64)

    def encode(self, texts):
        """Encode one batch; a text that is too long is cut and keeps its end token.

        Parameters
        ----------
        texts : list of str or ndarray
            Best of similar lengths, or what `collate` made of them.

        Returns
        -------
        ndarray of shape (n, embedding_dim), dtype float32
            Embeddings, not normalised.
        """
        tokens = self.collate(texts) if isinstance(texts, list) else texts
        used = useful_lengths(tokens, self._padding)
        vectors = None
        for length in np.unique(used):
            rows = used == length
            found = self._session.run(np.ascontiguousarray(tokens[rows, :length]))
            if vectors is None:
                vectors = np.empty((len(tokens), found.shape[1]), dtype=np.float32)
            vectors[rows] = found
        return vectors
