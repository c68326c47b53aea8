"""Embeddings that are kept: the store, its file, and the store of a session."""
