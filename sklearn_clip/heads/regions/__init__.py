"""A head on the parts of a picture: any classifier, scored on each of them."""
