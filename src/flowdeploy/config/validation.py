"""Validates the data with the models, and rewords pydantic's errors."""

import json
import reprlib
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from flowdeploy.appengine.forms.problems import Path, Problem, path_text
from flowdeploy.appengine.forms.yaml_reader import YamlDocument
from flowdeploy.config.fleet_rules import find_problems
from flowdeploy.config.models import SETTING_KEYS, ConfigFile, InstanceSection
from flowdeploy.maven.repository_rules import without_user

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def validate(document: YamlDocument) -> tuple[ConfigFile | None, tuple[Problem, ...]]:
    """The model, or None and every problem in the order of the file."""
    if not document.data:
        return None, document.problems
    broken = [
        replace(problem, position=document.value(problem.path))
        for problem in find_problems(document.data)
    ]
    known = {problem.path for problem in broken}
    model = None
    wrong: list[Problem] = []
    try:
        model = ConfigFile.model_validate(document.data)
    except ValidationError as error:
        wrong = [
            _problem(document, details)
            for details in error.errors(include_url=False)
            if _path(details) not in known
        ]
    problems = (*document.problems, *broken, *wrong)
    ordered = sorted(problems, key=lambda problem: (problem.position, str(problem)))
    return (None if problems else model), tuple(ordered)


def _path(details: ErrorDetails) -> Path:
    """pydantic ends the path of a bad key of a dict with ``[key]``."""
    return tuple(step for step in details["loc"] if step != "[key]")


def _problem(document: YamlDocument, details: ErrorDetails) -> Problem:
    path = _path(details)
    name = path_text(path)
    if _is_key(details):
        return Problem(path, f"unknown key {name}", _suggestion(path), document.key(path))
    return Problem(path, f"{name} {_complaint(details)}", _example(path), document.value(path))


def _complaint(details: ErrorDetails) -> str:
    """The message for an invalid value; it continues the value's name."""
    given = details["input"]
    shown = reprlib.repr(without_user(given) if isinstance(given, str) else given)
    match details["type"]:
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            return f"cannot be {shown}: {_description(_path(details))}"
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


def _suggestion(path: Path) -> str:
    """The advice for an unknown key."""
    key = str(path[-1])
    known = SETTING_KEYS if path[-2:-1] == ("settings",) else _section(path).model_fields
    if known is SETTING_KEYS and key in InstanceSection.model_fields:
        return f"write {key}: beside settings:"
    if key in SETTING_KEYS and _section(path) is InstanceSection:
        return f"write {key}: under settings:"
    near = get_close_matches(key, known, n=1, cutoff=0.7)
    return f"write {near[0]}:" if near else f"write one of {', '.join(sorted(known))}"


def _section(path: Path) -> type[BaseModel]:
    """The model of the mapping that holds the last key of the path."""
    section: type[BaseModel] = ConfigFile
    for step in path[:-1]:
        if isinstance(step, str):
            section = _model_in(section.model_fields[step].annotation) or section
    return section


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model out of ``X``, ``X | None`` or ``list[X]``."""
    candidates = [annotation, *get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _field(path: Path) -> FieldInfo | None:
    """The field of the path, or of the list that it is an item of."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return _section(path).model_fields[str(path[-1])] if path else None


def _description(path: Path) -> str:
    field = _field(path)
    return (field.description or "").rstrip(".") if field else ""


def _example(path: Path) -> str:
    field = _field(path)
    if field is None or not field.examples:
        return "write `key: value` pairs"
    example = field.examples[0]
    key = next(step for step in reversed(path) if isinstance(step, str))
    return f"write {key}: {example if isinstance(example, str) else json.dumps(example)}"
