"""The text a pool is read from."""

import pytest

from wherefrom.errors import BadInput
from wherefrom.substitution.pool_file import parse_pool


def test_one_address_a_line_with_comments_and_empty_lines() -> None:
    text = "\ufeff# our pool\n\n a@company.com \nb@Company.com # the second\r\nno#1@company.com\n\t# end"
    found = parse_pool(text)
    assert {line: one.text for line, one in found.items()} == {
        3: "a@company.com", 4: "b@company.com", 5: "no#1@company.com",
    }  # fmt: skip


def test_every_wrong_line_is_named_with_its_number() -> None:
    with pytest.raises(BadInput) as raised:
        parse_pool("a@company.com\nnobody\n# fine\nA@company.com\nb@company..com\n")
    assert raised.value.extra == {"field": "pool", "lines": [2, 4, 5]}
    words = raised.value.detail
    assert "line 2: “nobody” is no e-mail address" in words
    assert "line 4: A@company.com is in line 1 already" in words
    assert "line 5:" in words
    assert "nothing was added" in raised.value.hint


def test_of_many_wrong_lines_five_are_told() -> None:
    with pytest.raises(BadInput, match=r"line 5: .*; and 95 more") as raised:
        parse_pool("x\n" * 100)
    assert "line 6:" not in raised.value.detail


@pytest.mark.parametrize("text", ["", "\n\n", "# only words"])
def test_an_empty_list_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="no address"):
        parse_pool(text)


def test_a_list_has_an_end() -> None:
    assert len(parse_pool("".join(f"a{n}@b.com\n" for n in range(10_000)))) == 10_000
    with pytest.raises(BadInput, match="10001"):
        parse_pool("".join(f"a{n}@b.com\n" for n in range(10_001)))
