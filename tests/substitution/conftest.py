"""The desk fixture."""

import pytest
from msgspec.structs import replace

from tests.substitution.samples import COOLDOWN, Desk
from wherefrom.services import Services
from wherefrom.settings import Settings, SubstitutionGroup


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The defaults, with an hour's rest for pools."""
    return replace(settings, substitution=SubstitutionGroup(cooldown_minutes=int(COOLDOWN.total_seconds()) // 60))


@pytest.fixture
def desk(services: Services) -> Desk:
    """Lends on an empty database, on each engine in turn."""
    return Desk(services)
