"""App Engine's Version as Google's own type of it has it.

The type comes with Google's client library, which takes a quarter of a second of CPU to
load: it is loaded when it is first needed.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from flowdeploy.errors import BadAnswer


def version_settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """A Version without its files in protobuf's own JSON form: of several ways to write an enum,
    a duration or a number there is one, and of what is at its default there are the zeros that
    ``body`` has. Fields that the library does not know are as they are in ``body``.

    Raises BadAnswer for what is no Version.
    """
    fields = {name: value for name, value in body.items() if name != "deployment"}
    message = _empty_version()
    try:
        ParseDict(fields, message, ignore_unknown_fields=True)
    except (ParseError, RecursionError) as failure:
        raise BadAnswer(
            "UNKNOWN",
            f"a version could not be read: {failure}",
            hint="`gcloud app versions describe` shows the version as App Engine has it.",
        ) from failure
    return _complete(MessageToDict(message), fields, message.DESCRIPTOR)


def to_message(body: Mapping[str, Any]) -> Any | None:
    """A Version of the library with all that ``body`` has; None where it would lose something:
    a field that it does not know, or a zero, which for most of its fields is nothing."""
    from google.cloud import appengine_admin_v1 as admin

    message = _empty_version()
    if not _keeps(body, message.DESCRIPTOR):
        return None
    try:
        ParseDict(dict(body), message)
    except ParseError:
        return None
    return admin.Version.wrap(message)


def _empty_version() -> Any:
    from google.cloud import appengine_admin_v1 as admin

    return admin.Version.pb(admin.Version())


def _keeps(body: Mapping[str, Any], message: Descriptor | None) -> bool:
    """Whether a message keeps all values: it drops zeros, but in fields that have presence."""
    fields = _fields(message) if message else {}
    return all(_keeps_field(value, fields.get(name)) for name, value in body.items())


def _keeps_field(value: Any, field: FieldDescriptor | None) -> bool:
    if isinstance(value, Mapping):
        return _keeps(value, _inner(field))
    if isinstance(value, list):
        return all(_keeps_field(each, None) for each in value)
    return bool(value) or (field is not None and field.has_presence)


def _complete(
    plain: dict[str, Any], fields: Mapping[str, Any], message: Descriptor
) -> dict[str, Any]:
    """A message's JSON, with the zeros and the unknown fields of what it was read from."""
    known = _fields(message)
    found = dict(plain)
    for name, value in fields.items():
        if name not in known:
            found[name] = value
        elif name not in plain:
            found |= {name: value} if isinstance(value, int | float) and not value else {}
        elif (inner := _inner(known[name])) is not None:
            found[name] = _complete_each(plain[name], value, inner)
    return found


def _complete_each(plain: Any, value: Any, message: Descriptor) -> Any:
    if isinstance(plain, dict) and isinstance(value, Mapping):
        return _complete(plain, value, message)
    if isinstance(plain, list) and isinstance(value, list):
        return [_complete_each(*each, message) for each in zip(plain, value, strict=True)]
    return plain


@cache
def _fields(message: Descriptor) -> dict[str, FieldDescriptor]:
    """A message's fields, by each of their two names."""
    return {name: field for field in message.fields for name in (field.json_name, field.name)}


def _inner(field: FieldDescriptor | None) -> Descriptor | None:
    """The type of a field that is a message; None for others, and for maps."""
    inner: Any = field.message_type if field else None
    is_plain = inner is None or inner.GetOptions().map_entry
    return None if is_plain or inner.file.package == "google.protobuf" else inner
