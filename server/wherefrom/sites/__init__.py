"""Tracked websites, the tenants."""
