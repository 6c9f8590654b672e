"""Append-only facts, written in the transaction that made them true."""
