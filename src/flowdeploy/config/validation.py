"""Data → a validated model, and what pydantic says about it in our words."""

from __future__ import annotations

import json
import reprlib
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from flowdeploy.config.document import Document, Finding, Location, dotted
from flowdeploy.config.fleet_rules import violations
from flowdeploy.config.models import ConfigFile, InstanceSection
from flowdeploy.config.setting_keys import SettingKey

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def validate(document: Document) -> tuple[ConfigFile | None, tuple[Finding, ...]]:
    """The model, or None and every finding in the order of the file."""
    if not document.values:
        return None, document.findings
    broken = tuple(violations(document.data))
    known = {rule.location for rule in broken}
    findings = [Finding(document.value(r.location), r.message, r.advice) for r in broken]
    findings += document.findings
    model = None
    try:
        model = ConfigFile.model_validate(document.data)
    except ValidationError as error:
        findings += [
            _finding(document, details)
            for details in error.errors(include_url=False)
            if _location(details) not in known
        ]
    return (None if findings else model), tuple(sorted(findings))


def _location(details: ErrorDetails) -> Location:
    """pydantic ends the location of a bad key of a dict with ``[key]``."""
    return tuple(step for step in details["loc"] if step != "[key]")


def _finding(document: Document, details: ErrorDetails) -> Finding:
    location = _location(details)
    if _is_key(details):
        message = f"unknown key {dotted(location)}"
        return Finding(document.key(location), message, _known_key(location))
    return Finding(
        document.value(location), f"{dotted(location)} {_complaint(details)}", _example(location)
    )


def _complaint(details: ErrorDetails) -> str:
    """What is wrong with a value, to be read after its name."""
    shown = reprlib.repr(details["input"])
    match details["type"]:
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            return f"cannot be {shown}: {_description(_location(details))}"
        case "literal_error":
            return f"must be {details['ctx']['expected']}, not {shown}"
        case "greater_than_equal":
            return f"must be at least {details['ctx']['ge']}, not {shown}"
        case "less_than_equal":
            return f"must be at most {details['ctx']['le']}, not {shown}"
        case "value_error":
            return f"is wrong: {details['ctx']['error']}"
        case kind:
            return f"must be {_EXPECTED[kind]}, not {shown}"


def _is_key(details: ErrorDetails) -> bool:
    return details["type"] == "extra_forbidden" or details["loc"][-1:] == ("[key]",)


def _known_key(location: Location) -> str:
    """What to write instead of an unknown key."""
    key = str(location[-1])
    settings = get_args(SettingKey)
    known = settings if location[-2:-1] == ("settings",) else _section(location).model_fields
    if known is settings and key in InstanceSection.model_fields:
        return f"write {key}: beside settings:"
    if key in settings and _section(location) is InstanceSection:
        return f"write {key}: under settings:"
    near = get_close_matches(key, known, n=1, cutoff=0.7)
    return f"write {near[0]}:" if near else f"write one of {', '.join(sorted(known))}"


def _section(location: Location) -> type[BaseModel]:
    """The model of the mapping that holds the last key of the location."""
    section: type[BaseModel] = ConfigFile
    for step in location[:-1]:
        if isinstance(step, str):
            section = _model_in(section.model_fields[step].annotation) or section
    return section


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model out of ``X``, ``X | None`` or ``list[X]``."""
    candidates = [annotation, *get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _field(location: Location) -> FieldInfo | None:
    """The field of the location, or of the list that it is an item of."""
    while location and isinstance(location[-1], int):
        location = location[:-1]
    return _section(location).model_fields[str(location[-1])] if location else None


def _description(location: Location) -> str:
    field = _field(location)
    return (field.description or "").rstrip(".") if field else ""


def _example(location: Location) -> str:
    field = _field(location)
    if field is None or not field.examples:
        return "write `key: value` pairs"
    example = field.examples[0]
    key = next(step for step in reversed(location) if isinstance(step, str))
    return f"write {key}: {example if isinstance(example, str) else json.dumps(example)}"
