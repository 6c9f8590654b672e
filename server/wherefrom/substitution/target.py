"""A target: a real address on the site's pages, and how it is substituted.

Answers for the value and for which options go together. Refuses to know leases, and which addresses are taken already.

| strategy | options | a substitute of ``sales@company.com`` |
| --- | --- | --- |
| plus | separator ``+ - = .``, code_form code or visit | ``sales+k7f3q9x2@company.com`` |
| catchall | domain, code_form code or name | ``k7f3q9x2@in.company.com``, ``anna.k7f3q9x@in.company.com`` |
| pool | when_empty real or share | an address of the owner's list |

Options that a strategy has no use for are kept as "".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast

from wherefrom.addresses import Address, ascii_hostname, parse_address
from wherefrom.errors import BadInput

Strategy = Literal["plus", "catchall", "pool"]
Separator = Literal["", "+", "-", "=", "."]
CodeForm = Literal["", "code", "visit", "name"]
WhenEmpty = Literal["", "real", "share"]
Proof = Literal["none", "waiting", "proved", "lost"]
"""Of a coded target: never asked for (it is lent all the same), asked for and not there yet, there, or gone again."""

_FORMS = {"plus": ("code", "visit"), "catchall": ("code", "name")}
_USES = {"plus": {"separator", "code_form"}, "catchall": {"domain", "code_form"}, "pool": {"when_empty"}}
_ADDRESS_HINT = "write a bare address such as sales@company.com"


@dataclass(frozen=True, slots=True)
class Target:
    """``refused``: how often its pool had nothing to lend; ``shared``: how often it lent an address that was held.
    ``proof``: whether a probe to its pattern came back; a pool's addresses have each their own."""

    site_id: int
    id: int
    address: str
    strategy: Strategy
    enabled: bool
    separator: Separator
    code_form: CodeForm
    domain: str
    when_empty: WhenEmpty
    refused: int
    shared: int
    created_at: datetime
    proof: Proof = "none"

    @property
    def key(self) -> str:
        """What addresses are compared by."""
        return self.address.lower()

    @property
    def pattern(self) -> tuple[str, ...]:
        """What its substitutes are made by: another pattern needs another proof."""
        return (self.strategy, self.separator, self.code_form, self.domain)


@dataclass(frozen=True, slots=True)
class Options:
    """How a target is to be substituted, as an owner says it: None is "the usual" for a new target, and "as it is" for
    one that is changed."""

    strategy: str | None = None
    separator: str | None = None
    code_form: str | None = None
    domain: str | None = None
    when_empty: str | None = None


def parse_target(text: str) -> Address:
    """The address of a target; BadInput says what is wrong with it."""
    try:
        return parse_address(text)
    except BadInput as error:
        raise BadInput(error.detail, hint=_ADDRESS_HINT, field="address") from None


def fit_options(target: Target, options: Options) -> Target:
    """``target`` with ``options`` and the usual values where neither says anything. BadInput names the option that does
    not go with the strategy, or is not understood."""
    strategy = _check_strategy(options.strategy or target.strategy)
    _refuse_useless(strategy, options)
    fresh = strategy != target.strategy
    bare = replace(target, strategy=strategy, separator="", code_form="", domain="", when_empty="")
    kept = bare if fresh else target
    if strategy == "pool":
        return replace(bare, when_empty=_check_when_empty(options.when_empty or kept.when_empty or "real"))
    form = _check_form(strategy, options.code_form or kept.code_form or "code")
    if strategy == "plus":
        return replace(bare, code_form=form, separator=_check_separator(options.separator or kept.separator or "+"))
    return replace(bare, code_form=form, domain=_parse_domain(options.domain or kept.domain))


def _refuse_useless(strategy: Strategy, options: Options) -> None:
    for name in ("separator", "code_form", "domain", "when_empty"):
        if getattr(options, name) and name not in _USES[strategy]:
            homes = [one for one, uses in _USES.items() if name in uses]
            raise BadInput(
                f"{name} means nothing for strategy {strategy}",
                hint=f"leave it out, or choose strategy {' or '.join(homes)}",
                field=name,
            )


def _check_strategy(text: str) -> Strategy:
    if text not in _USES:
        raise BadInput(f"“{text[:40]}” is no strategy", hint="choose plus, catchall or pool", field="strategy")
    return cast(Strategy, text)


def _check_form(strategy: Strategy, text: str) -> CodeForm:
    allowed = _FORMS[strategy]
    if text not in allowed:
        raise BadInput(
            f"code_form “{text[:40]}” does not go with strategy {strategy}",
            hint=f"choose {' or '.join(allowed)}",
            field="code_form",
        )
    return cast(CodeForm, text)


def _check_separator(text: str) -> Separator:
    if text not in ("+", "-", "=", "."):
        raise BadInput(
            f"“{text[:40]}” does not separate a code from an address",
            hint="choose + (most servers), - (Yahoo and some others), = or .: where your mail server splits an address",
            field="separator",
        )
    return cast(Separator, text)


def _check_when_empty(text: str) -> WhenEmpty:
    if text not in ("real", "share"):
        raise BadInput(
            f"“{text[:40]}” is not what a pool can do when it is empty",
            hint="choose real (show the real address) or share (lend one that is held, with less confidence)",
            field="when_empty",
        )
    return cast(WhenEmpty, text)


def _parse_domain(text: str) -> str:
    bare = text.strip().removeprefix("@")
    if not bare:
        raise BadInput(
            "strategy catchall needs a domain",
            hint="name a domain whose every address arrives in one mailbox, such as in.company.com",
            field="domain",
        )
    domain = ascii_hostname(bare)
    if domain is None or "." not in domain:
        raise BadInput(f"“{bare[:80]}” is no mail domain", hint="write a domain such as in.company.com", field="domain")
    return domain
