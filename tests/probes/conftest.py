"""The stage fixture."""

import pytest

from tests.probes.stage import Stage, with_smtp
from tests.support.dovecot import Dovecot
from tests.support.smtp_sink import SmtpSink
from wherefrom.services import Services


@pytest.fixture
def stage(services: Services, smtp_sink: SmtpSink, dovecot: Dovecot) -> Stage:
    """A site that can prove its addresses."""
    return Stage(with_smtp(services, smtp_sink), smtp_sink, dovecot)
