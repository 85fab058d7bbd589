"""App Engine's Version as Google's own type of it has it.

The type comes with Google's client library, which takes a quarter of a second of CPU to
load: it is loaded when it is first needed.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
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
        raise BadAnswer("UNKNOWN", f"a version could not be read: {failure}") from failure
    return _complete(MessageToDict(message), fields, message.DESCRIPTOR)


def to_message(body: Mapping[str, Any]) -> Any | None:
    """A Version of the library with all that ``body`` has; None where it would lose something:
    a field that it does not know, or a zero, which for protobuf is nothing."""
    from google.cloud import appengine_admin_v1 as admin

    message = _empty_version()
    try:
        ParseDict(dict(body), message)
    except ParseError:
        return None
    return admin.Version.wrap(message) if _has_no_defaults(body) else None


def _empty_version() -> Any:
    from google.cloud import appengine_admin_v1 as admin

    return admin.Version.pb(admin.Version())


def _has_no_defaults(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_has_no_defaults(each) for each in value.values())
    if isinstance(value, list):
        return all(_has_no_defaults(each) for each in value)
    return bool(value)


def _complete(
    plain: dict[str, Any], fields: Mapping[str, Any], message: Descriptor
) -> dict[str, Any]:
    """A message's JSON, with the zeros and the unknown fields of what it was read from."""
    known = _field_types(message)
    found = dict(plain)
    for name, value in fields.items():
        if name not in known:
            found[name] = value
        elif name not in plain:
            found |= {name: value} if isinstance(value, int | float) and not value else {}
        elif (inner := known[name]) is not None:
            found[name] = _complete_each(plain[name], value, inner)
    return found


def _complete_each(plain: Any, value: Any, message: Descriptor) -> Any:
    if isinstance(plain, dict) and isinstance(value, Mapping):
        return _complete(plain, value, message)
    if isinstance(plain, list) and isinstance(value, list):
        return [_complete_each(*each, message) for each in zip(plain, value, strict=True)]
    return plain


@cache
def _field_types(message: Descriptor) -> dict[str, Descriptor | None]:
    """The type of each field by its name; None for what is no message, and for maps."""
    return {
        name: None if _is_plain(field) else field.message_type
        for field in message.fields
        for name in (field.json_name, field.name)
    }


def _is_plain(field: Any) -> bool:
    inner = field.message_type
    return inner is None or inner.GetOptions().map_entry or inner.file.package == "google.protobuf"
