"""Networks of many labels: the skorch estimator, its modules, its training."""
