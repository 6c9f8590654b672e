"""The test suite: one folder a room, `support/` with the real servers, `conftest.py` with the shared fixtures."""
