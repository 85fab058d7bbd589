"""The schema describes what the validation accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from flowdeploy.config.models import schema

CONFIG = Path(__file__).parents[3] / "config"


def test_it_is_json_schema_of_draft_2020_12() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def test_the_file_that_editors_read_is_current() -> None:
    """Written by ``flowdeploy config schema > config/schema.json``."""
    assert json.loads((CONFIG / "schema.json").read_text()) == schema()


def test_it_accepts_the_fleet_of_this_repository() -> None:
    fleet = yaml.safe_load((CONFIG / "instances.yaml").read_text())

    assert list(Draft202012Validator(schema()).iter_errors(fleet)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("colour", "red"),
        ("trunk", 1),
        ("library", None),
        ("health", {"timeout": 30}),
        ("health", {"timeout": ""}),
        ("rollout", {"waves": [{"name": "early", "max": 0}]}),
        ("instances", [{"id": "flow-1", "role": "production", "skip": True}]),
        ("instances", [{"id": "flow-1", "role": "production", "settings": {"scaling": 1}}]),
    ],
)
def test_it_refuses_what_is_wrong(key: str, value: object) -> None:
    fleet = yaml.safe_load((CONFIG / "instances.yaml").read_text())

    errors = list(Draft202012Validator(schema()).iter_errors({**fleet, key: value}))

    assert errors
    assert all(key in error.path or key in error.message for error in errors)


def test_every_key_has_an_example_that_fits_and_a_description() -> None:
    whole = schema()
    for key, described in _keys(whole):
        target = {**described, "$defs": whole["$defs"]}
        assert described["examples"], key
        assert _description(whole, described), key
        for example in described["examples"]:
            assert list(Draft202012Validator(target).iter_errors(example)) == [], key


def _keys(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for section in (whole, *whole["$defs"].values()):
        yield from section["properties"].items()


def _description(whole: dict[str, Any], described: dict[str, Any]) -> str:
    """The key's own description, or that of the section that it refers to."""
    section = described.get("$ref", "").rpartition("/")[2]
    text = described.get("description") or whole["$defs"][section]["description"]
    return str(text)
