"""Labels from annotation tools, and suggestions for them."""
