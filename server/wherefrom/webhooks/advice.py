"""What to do when a receiver does not accept: words for whoever set the endpoint up. Pure.

``post.py`` says what happened; this says what usually helps.
"""

from __future__ import annotations

from wherefrom.webhooks.answer import Answer, Fault

_BY_FAULT: dict[Fault, str] = {
    "inside": "if the receiver is meant to be there, the operator opens its network: webhooks.allow in settings.toml",
    "name": "check the host's spelling, and that its DNS entry is public",
    "connect": "check that the receiver runs, that the port is right, and that no firewall keeps this server out",
    "tls": "check the receiver's certificate: it must be in date, made for this host name, and sent with its chain",
    "silence": "answer 2xx first and do the work afterwards; a letter is tried again, so nothing is lost meanwhile",
    "protocol": "check the port, and whether the URL must begin with https: instead of http:, or the other way round",
    "broken": "see the receiver's log: it closed the connection in the middle of the request",
    "unsigned": "give the endpoint a new secret",
}
_BY_STATUS: dict[int, str] = {
    400: "the receiver did not understand the body: check that the endpoint's format is the one it expects",
    401: "the receiver does not accept the signature: check that it has this endpoint's secret, and verifies the bytes "
    "of the body before any parsing",
    403: "the receiver, or a firewall before it, refuses: check the secret, and let the user agent “Wherefrom” through",
    404: "check the path of the URL: the host is right, the page is not there",
    405: "check the path of the URL: the page there does not take POST",
    408: "the receiver waited for the body in vain: see a proxy before it",
    410: "the receiver says that nothing is to come any more: a letter answered so switches the endpoint off",
    411: "the receiver, or a proxy before it, wants a length although one is sent: see the proxy",
    413: "raise the size limit of the receiver, or of the proxy before it",
    415: "the receiver does not take application/json",
    422: "the receiver read the body and misses something in it: check the endpoint's format",
    429: "give the endpoint a rate (per_minute): letters then go as slowly as the receiver wants",
}


def advise(answer: Answer) -> str:
    """What to try; "" when the receiver accepted."""
    if answer.accepted:
        return ""
    status = answer.status
    if status is None:
        return _BY_FAULT.get(answer.fault, "")
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status < 400:
        return "enter the URL it leads to: a redirect is not followed, since it may lead anywhere"
    if status >= 500:
        return "see the receiver's log: it failed while it worked on the request"
    return "only 2xx is taken for success"
