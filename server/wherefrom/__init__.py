"""Wherefrom tells a site owner which visit every e-mail came from."""

__version__ = "0.1.0"
