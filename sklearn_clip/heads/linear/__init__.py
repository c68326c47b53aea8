"""Logistic regression of all labels in one solve, and the solver beneath it."""
