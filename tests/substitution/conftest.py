"""The desk fixture."""

import pytest

from tests.substitution.samples import Desk
from wherefrom.services import Services


@pytest.fixture
def desk(services: Services) -> Desk:
    """Lends on an empty database, on each engine in turn."""
    return Desk(services)
