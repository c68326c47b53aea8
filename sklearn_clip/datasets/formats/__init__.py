"""Readers of the forms in which public data sets and tools lay labels out."""
