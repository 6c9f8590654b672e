"""Standard Webhooks headers (F02)."""

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from wherefrom.webhooks.signature import new_secret, sign_headers, webhook_id

VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_published_test_vector_comes_out():
    headers = sign_headers(
        [VECTOR_SECRET],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_new_secret_has_the_prefix_and_32_bytes_and_is_never_the_same():
    one, other = new_secret(), new_secret()
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
    assert one != other


def test_the_receivers_library_accepts_what_is_signed_here_and_nothing_altered():
    secret, body = new_secret(), '{"text":"Здравствуйте"}'.encode()
    headers = sign_headers([secret], webhook_id(7), datetime.now(UTC), body)
    assert Webhook(secret).verify(body, headers) == {"text": "Здравствуйте"}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers | {"webhook-id": webhook_id(8)})
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)


def test_while_a_secret_is_changed_the_old_and_the_new_one_both_verify():
    old, new = new_secret(), new_secret()
    headers = sign_headers([new, old], webhook_id(7), datetime.now(UTC), b"{}")
    Webhook(old).verify(b"{}", headers)
    Webhook(new).verify(b"{}", headers)


def test_the_id_has_no_full_stop_that_would_blur_the_signed_text():
    assert "." not in webhook_id(250_000_000_000_000_000)
