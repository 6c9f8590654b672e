"""Visitors, visits, sources: the collector."""
