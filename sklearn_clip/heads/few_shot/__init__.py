"""Heads that start from label prompts and learn from few rows."""
