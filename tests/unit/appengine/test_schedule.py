"""Schedules are judged before anything is sent, by the grammar that App Engine documents."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.appengine.config_files.cron_schedule import schedule
from flowdeploy.appengine.forms.problems import Place, Wrong

WEEKDAYS = ["mon", "monday", "tue", "wednesday", "thu", "friday", "sat", "sunday"]
MONTHS = [
    "jan",
    "february",
    "mar",
    "april",
    "may",
    "june",
    "jul",
    "august",
    "sep",
    "october",
    "nov",
    "december",
]
ORDINALS = ["1st", "2nd", "3rd", "4th", "5th", "first", "second", "third", "fourth", "fifth"]

times = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))


def lists(words: list[str]) -> st.SearchStrategy[str]:
    several = st.lists(st.sampled_from(words), min_size=1, max_size=3)
    return st.tuples(several, st.sampled_from([",", ", "])).map(lambda pair: pair[1].join(pair[0]))


months = st.one_of(
    st.sampled_from(["month", "quarter", "2nd month of quarter", "1st,third month of quarter"]),
    lists(MONTHS),
)
intervals = st.builds(
    "every {} {}{}".format,
    st.integers(1, 99_999),
    st.sampled_from(["hours", "minutes", "mins"]),
    st.one_of(st.just(""), st.builds(" from {} to {}".format, times, times)),
)
weekly = st.builds(
    "{} {}{} {}".format,
    st.one_of(st.just("every"), lists(ORDINALS)),
    st.one_of(st.just("day"), lists(WEEKDAYS)),
    st.one_of(st.just(""), months.map(" of {}".format)),
    times,
)
monthly = st.builds(
    "{} of {} {}".format,
    st.lists(st.integers(1, 28).map(str), min_size=1, max_size=4).map(",".join),
    months,
    times,
)


def accepted(text: object) -> bool:
    try:
        return schedule(text, Place()) == text
    except Wrong:
        return False


@given(st.one_of(intervals, weekly, monthly))
def test_what_the_grammar_makes_is_accepted_and_sent_as_written(text: str) -> None:
    assert accepted(text)
    assert accepted(text.upper())


@given(st.one_of(intervals, weekly, monthly), st.data())
def test_a_word_too_few_is_refused(text: str, data: st.DataObject) -> None:
    """But for `of month`, which goes without saying, and further members of lists."""
    words = re.sub(r",\s*", ",", text).split(" ")
    data_at = data.draw(st.sampled_from([0, 1, len(words) - 1]))
    assert not accepted(" ".join(words[:data_at] + words[data_at + 1 :]))


@pytest.mark.parametrize(
    "text",
    [
        "every 24 hours",
        "every 2 hours synchronized",
        "every 1 minutes synchronized",
        "every 5 mins from 9:00 to 17:30",
        "29 of feb 00:00",
        "31 of jan,feb 00:00",
        "every  monday   9:00",
        "every monday 9:00\n",
        "0 4 * * 1",
        "*/15 8-18 1,15 jan-mar mon-fri",
    ],
)
def test_good_schedules(text: str) -> None:
    assert accepted(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("every 0 hours", "at least 1"),
        ("every 7 hours synchronized", "divides 24 hours"),
        ("every 48 hours synchronized", "divides 24 hours"),
        ("30 of feb 00:00", "from 1 to 29"),
        ("31 of feb,apr 00:00", "from 1 to 30"),
        ("0 of month 00:00", "from 1 to 31"),
        ("32 of month 00:00", "from 1 to 31"),
        ("1,32 of month 00:00", "from 1 to 31"),
        ("every monday", "such as"),
        ("every monday 24:00", "such as"),
        ("every monday 9:60", "such as"),
        ("6th monday of month 09:00", "such as"),
        ("every 24 hour", "such as"),
        ("every hours", "such as"),
        ("every 2 hours synchronized from 9:00 to 10:00", "such as"),
        ("every 2 hours from 9:00", "such as"),
        ("1 00:00", "such as"),
        ("monday 09:00", "such as"),
        ("every monday of mars 09:00", "such as"),
        ("* * * *", "such as"),
        ("every monday of month 9", "such as"),
        ("", "such as"),
        (750, "as text"),
    ],
)
def test_bad_schedules_are_answered_with_what_to_write(text: object, said: str) -> None:
    with pytest.raises(Wrong, match=said):
        schedule(text, Place())
