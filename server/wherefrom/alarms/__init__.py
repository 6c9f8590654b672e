"""Tells people by a letter that something stands still until they act."""
