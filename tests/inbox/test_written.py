"""The time of writing: Date corrected by the servers' stamps."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inbox.evidence_samples import NOON, at
from wherefrom.inbox.written import estimate_written


def test_a_plausible_date_is_believed() -> None:
    written = estimate_written(at(-1), at(0), at(1))
    assert written.moments == ((at(-1), 1.0),)


def test_a_missing_date_gives_the_first_servers_stamp() -> None:
    assert estimate_written(None, at(-3), at(0)).likeliest == at(-3)


def test_a_missing_date_and_no_stamps_give_the_arrival() -> None:
    written = estimate_written(None, None, at(0))
    assert written.likeliest == at(0)
    assert "no usable Date" in written.words


def test_a_clock_that_is_fast_is_corrected_to_the_first_server() -> None:
    assert estimate_written(at(300), at(0), at(1)).likeliest == at(0)


@pytest.mark.parametrize("absurd", [at(-60 * 24 * 20), NOON.replace(year=1970), NOON.replace(year=2062)])
def test_an_absurd_date_is_not_believed(absurd: object) -> None:
    assert estimate_written(absurd, None, at(0)).moments == ((at(0), 1.0),)  # type: ignore[arg-type]


def test_a_date_hours_before_the_first_server_leaves_both_moments_open() -> None:
    written = estimate_written(at(-120), at(-1), at(0))
    assert [moment for moment, _ in written.moments] == [at(-120), at(-1)]
    assert [share for _, share in written.moments] == pytest.approx([0.8, 0.2])


def test_a_first_hop_after_the_arrival_is_a_wrong_clock() -> None:
    assert estimate_written(None, at(50), at(0)).likeliest == at(0)


minutes = st.floats(-60 * 24 * 40, 60 * 24 * 40).map(at)


@given(header=st.none() | minutes, hop=st.none() | minutes, arrived=minutes)
def test_a_letter_is_never_written_after_it_arrived(header, hop, arrived) -> None:  # type: ignore[no-untyped-def]
    written = estimate_written(header, hop, arrived)
    assert written.latest <= arrived
    assert written.likeliest >= arrived - timedelta(days=6)
    assert sum(share for _, share in written.moments) == pytest.approx(1)
    assert [moment for moment, _ in written.moments] == sorted(moment for moment, _ in written.moments)
