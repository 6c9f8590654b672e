"""Targets, substitutes and leases: which visit holds which address when."""
