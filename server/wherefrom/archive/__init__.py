"""Backups of a whole installation, made while it runs, and their way back."""
