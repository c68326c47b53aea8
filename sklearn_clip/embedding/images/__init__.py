"""A picture in any form to RGB: which files are opened, and what pixels mean."""
