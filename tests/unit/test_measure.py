"""scripts/measure.py: what it counts, and when it fails."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

Measures = Callable[..., dict[str, Any]]


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Measures:
    """``measures(file=text, …)`` → the measures of a package with these modules, by name."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    measure = importlib.import_module("measure")

    def of(**modules: str) -> dict[str, Any]:
        for name, text in modules.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return {each.name: each for each in measure.measures(tmp_path)}

    return of


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((name, True) for name in ("made", "_kept", "sorted_by_name", "sent_once", "__told")),
        *((name, False) for name in ("make", "read", "needs_google", "feed", "send", "is_sent")),
    ],
)
def test_participles_are_told_by_the_first_word(
    measures: Measures, name: str, is_one: bool
) -> None:
    share = measures(a=f"def {name}(): ...\n")["functions named by participles, percent"]

    assert (share.value == 100) == is_one
    assert share.passes != is_one


def test_a_class_name_that_stands_twice_is_named_with_its_places(measures: Measures) -> None:
    repeated = measures(a="class Job: ...\n", b="\nclass Job: ...\n")[
        "class names that stand twice"
    ]

    assert repeated.offenders == ("Job: a.py:1, b.py:2",)
    assert not repeated.passes


def test_the_sandbox_is_not_measured(measures: Measures) -> None:
    found = measures(a="class Job: ...\n", sandbox__b="class Job: ...\ndef made(): ...\n")

    assert found["modules"].value == 1
    assert all(measure.passes for measure in found.values())


def test_long_and_deep_functions_fail(measures: Measures) -> None:
    deep = "def f():\n if 1:\n  for x in y:\n   with z:\n    while 1: ...\n"
    found = measures(a=f"{deep}def g():\n" + " x = 1\n" * 50)

    assert found["deepest nesting"].offenders == ("a.py:1 f: 4 deep",)
    assert found["lines of the longest function"].offenders == ("a.py:6 g: 51 lines",)


def test_elif_nests_no_deeper(measures: Measures) -> None:
    chain = "def f():\n if a: ...\n elif b: ...\n elif c: ...\n elif d: ...\n else: ...\n"

    assert measures(a=chain)["deepest nesting"].value == 1
