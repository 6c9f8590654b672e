"""People and keys: who may see what."""
