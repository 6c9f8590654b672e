"""Which options go together."""

from typing import Any

import pytest

from tests.substitution.samples import target
from wherefrom.errors import BadInput
from wherefrom.substitution.target import Options, fit_options, parse_target


def test_the_usual_values_stand_in_for_what_is_not_said() -> None:
    plus, pool = target(), target(strategy="pool")
    catchall = target(strategy="catchall", domain="@In.Company.com")
    assert (plus.separator, plus.code_form, plus.domain, plus.when_empty) == ("+", "code", "", "")
    assert (catchall.separator, catchall.code_form, catchall.domain, catchall.when_empty) == (
        "", "code", "in.company.com", "",
    )  # fmt: skip
    assert (pool.separator, pool.code_form, pool.domain, pool.when_empty) == ("", "", "", "real")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"strategy": "minus"}, "strategy"),
        ({"separator": "_"}, "separator"),
        ({"separator": "++"}, "separator"),
        ({"code_form": "name"}, "code_form"),
        ({"code_form": "short"}, "code_form"),
        ({"domain": "in.company.com"}, "domain"),
        ({"when_empty": "share"}, "when_empty"),
        ({"strategy": "catchall"}, "domain"),
        ({"strategy": "catchall", "domain": "localhost"}, "domain"),
        ({"strategy": "catchall", "domain": "in company.com"}, "domain"),
        ({"strategy": "catchall", "domain": "in.company.com", "code_form": "visit"}, "code_form"),
        ({"strategy": "catchall", "domain": "in.company.com", "separator": "+"}, "separator"),
        ({"strategy": "pool", "when_empty": "wait"}, "when_empty"),
        ({"strategy": "pool", "code_form": "code"}, "code_form"),
        ({"strategy": "pool", "separator": "+"}, "separator"),
    ],
)
def test_an_option_that_does_not_fit_is_named_with_what_to_do(options: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as raised:
        target(**options)
    assert raised.value.extra == {"field": field}
    assert raised.value.hint


def test_a_change_keeps_what_is_not_named() -> None:
    one = target(separator="-", code_form="visit")
    assert fit_options(one, Options()) == one
    changed = fit_options(one, Options(separator="="))
    assert (changed.separator, changed.code_form) == ("=", "visit")


def test_a_change_of_strategy_begins_with_the_usual_values() -> None:
    changed = fit_options(target(code_form="visit"), Options(strategy="catchall", domain="in.company.com"))
    assert (changed.strategy, changed.code_form, changed.separator) == ("catchall", "code", "")
    back = fit_options(changed, Options(strategy="plus"))
    assert (back.code_form, back.separator, back.domain) == ("code", "+", "")


@pytest.mark.parametrize("text", ["", "sales", "sales@", "@company.com", "a b@company.com", "sales@company..com"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput) as raised:
        parse_target(text)
    assert "sales@company.com" in raised.value.hint
