"""A CLIP model: its weights, what they are used with, and its two towers at work."""
