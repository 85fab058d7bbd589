"""What a proxy, a front end or a new version of a service may make of an answer."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.fault_proxy import (
    Fault,
    Reply,
    answer_after,
    answer_instead,
    reset_after,
    reset_before,
)

HTML = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"
JSON_TYPE = ("Content-Type", "application/json; charset=UTF-8")
HTML_TYPE = ("Content-Type", "text/html")
ELSEWHERE = "http://elsewhere.invalid"  # replaced by the URL of a server that must not be asked
MISSING = (
    *("defaultHostname", "codeBucket", "servingStatus", "split", "allocations", "shardBy"),
    *("id", "name", "createTime", "deployment", "metadata", "done", "generation", "timeCreated"),
    *("items", "nextPageToken", "state", "locations", "queues", "jobs", "indexes", "services"),
)
ENUM = re.compile(r"[A-Z]{2,}(_[A-Z]+)*")
DEEP = b'{"a":' * 200_000
DIGITS = b"9" * 5000


def _body(content: bytes, *headers: tuple[str, str], status: int = 200) -> Fault:
    """Carry the request out, and answer with another body; of the headers others remain."""
    names = {name.lower() for name, _ in headers}

    def change(reply: Reply) -> Reply:
        kept = tuple(h for h in reply.headers if h[0].lower() not in names)
        return Reply(status, (*kept, *headers), content)

    return answer_after(change)


def _json(change: Callable[[Any], Any]) -> Fault:
    """Carry the request out, and change the JSON of its answer; what is no JSON stays."""

    def changed(reply: Reply) -> Reply:
        try:
            body = json.loads(reply.body)
        except ValueError:
            return reply
        return replace(reply, body=json.dumps(change(body)).encode())

    return answer_after(changed)


def _raw(change: Callable[[bytes], bytes]) -> Fault:
    return answer_after(lambda reply: replace(reply, body=change(reply.body)))


def _header(name: str, value: str | None) -> Fault:
    """Without a header, or with another value of it."""

    def change(reply: Reply) -> Reply:
        kept = tuple(h for h in reply.headers if h[0].lower() != name.lower())
        if len(kept) == len(reply.headers):
            return reply
        return replace(reply, headers=kept if value is None else (*kept, (name, value)))

    return answer_after(change)


def _each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Change each value in an object that is neither an object nor a list."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(each) for name, each in value.items()}
        if isinstance(value, list):
            return [walk(each) for each in value]
        return change(value)

    return walk


def _top(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed(body: Any) -> Any:
        return {name: change(each) for name, each in body.items()} if body else {"x": change(1)}

    return changed


def _swapped(value: Any) -> Any:
    """A value of another type."""
    match value:
        case bool():
            return "true"
        case str():
            return 7
        case int() | float():
            return "seven"
        case list():
            return {"0": value}
        case _:
            return [value]


def _with_news(value: Any) -> Any:
    """With a field that nobody has heard of, in each object."""
    if isinstance(value, dict):
        return {"unheardOf": {"a": [1, None]}, **{n: _with_news(v) for n, v in value.items()}}
    return [_with_news(each) for each in value] if isinstance(value, list) else value


def _without(field: str) -> Callable[[Any], Any]:
    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(each) for name, each in value.items() if name != field}
        return [walk(each) for each in value] if isinstance(value, list) else value

    return walk


def _redirect(status: int, *location: str) -> Fault:
    return answer_instead(status, b"", *(("Location", each) for each in location))


def _error(status: int, body: object) -> Fault:
    return answer_instead(status, json.dumps(body).encode(), JSON_TYPE)


def mutations(elsewhere: str) -> dict[str, Fault]:
    """All of them, by name; redirects lead to the URL ``elsewhere``."""
    return {**BODIES, **VALUES, **dict(_missing()), **HEADERS, **ERRORS, **redirects(elsewhere)}


BODIES: dict[str, Fault] = {
    "a page instead": answer_instead(200, HTML, HTML_TYPE),
    "a page instead, as JSON": answer_instead(200, HTML, JSON_TYPE),
    "a page afterwards": _body(HTML, HTML_TYPE),
    "nothing": _body(b""),
    "204": _body(b"", status=204),
    "an answer that is cut": answer_after(lambda r: replace(r, cut=len(r.body) // 2)),
    "half an answer": _raw(lambda body: body[: len(body) // 2]),
    "no UTF-8": _body(b'{"name": "\xff\xfe"}', JSON_TYPE),
    "a list": _body(b"[]", JSON_TYPE),
    "null": _body(b"null", JSON_TYPE),
    "a text": _body(b'"x"', JSON_TYPE),
    "an empty object": _body(b"{}", JSON_TYPE),
    "an object that is deep": _body(DEEP, JSON_TYPE),
    "a list that is deep": _body(b"[" * 200_000 + b"]" * 200_000, JSON_TYPE),
    "a broken compression": _body(b"{}", ("Content-Encoding", "gzip")),
    "a compression that is cut": _body(gzip.compress(HTML)[:-12], ("Content-Encoding", "gzip")),
    "an unknown compression": _body(HTML, ("Content-Encoding", "x-zip")),
    "an unknown charset": _body(b"{}", ("Content-Type", "application/json; charset=x-no")),
    "a reset before": reset_before,
    "a reset after": reset_after,
}
VALUES: dict[str, Fault] = {
    "NaN": _json(_each(lambda _: float("nan"))),
    "Infinity": _json(_top(lambda _: float("inf"))),
    "many digits": _raw(lambda body: re.sub(rb':\s*("[^"]*"|\d+)', b": " + DIGITS, body)),
    "nulls": _json(_each(lambda _: None)),
    "nulls at the top": _json(_top(lambda _: None)),
    "other types": _json(_each(_swapped)),
    "other types at the top": _json(_top(_swapped)),
    "texts at the top": _json(_top(lambda _: "x")),
    "empty texts": _json(_each(lambda v: "" if isinstance(v, str) else v)),
    "other texts": _json(_each(lambda v: "\u202e\x00\ud800[/]" if isinstance(v, str) else v)),
    "new fields": _json(_with_news),
    "new values of enums": _json(
        _each(lambda v: "BRAND_NEW" if isinstance(v, str) and ENUM.fullmatch(v) else v)
    ),
}
HEADERS: dict[str, Fault] = {
    **{
        f"no {name}": _header(name, None)
        for name in ("Date", "Last-Modified", "X-Goog-Generation", "Location", "Range")
    },
    **{
        f"an odd {name}": _header(name, value)
        for name, value in {
            "Date": "yesterday",
            "Last-Modified": "Sat, 99 Foo 99999999999999999999 99:99:99 GMT",
            "X-Goog-Generation": "9" * 400,
            "X-Goog-Hash": "md5=\xe4, crc32c=",
            "Location": "http://[",
            "Range": "bytes=0-99999999999999999",
        }.items()
    },
}
ERRORS: dict[str, Fault] = {
    "401 with a page": answer_instead(401, HTML, HTML_TYPE),
    "403 with a page": answer_instead(403, HTML, HTML_TYPE),
    "403 in no charset": answer_instead(403, b"\xff", ("Content-Type", "text/html; charset=x-no")),
    "500 with a page": answer_instead(500, HTML, JSON_TYPE),
    "an error without a message": _error(400, {"error": {"message": None, "status": 5}}),
    "an error with a list": _error(400, {"error": {"message": "no", "status": ["A"]}}),
    "an error that is a text": _error(403, {"error": "no"}),
    "an error that is a list": _error(400, [{"error": {"message": "no"}}]),
    "an error of numbers": _error(503, {"error": {"code": "x", "message": 3, "details": 4}}),
    "an error that is deep": answer_instead(400, DEEP, JSON_TYPE),
    "an error after": _body(b'{"error": {"code": 500}}', JSON_TYPE, status=500),
    "a status of no name": answer_instead(299, b"", JSON_TYPE),
    "a status beyond": answer_instead(799, HTML, HTML_TYPE),
}


def redirects(elsewhere: str) -> dict[str, Fault]:
    return {
        "302 to elsewhere": _redirect(302, f"{elsewhere}/v1/x?secret=1"),
        "307 to elsewhere": _redirect(307, f"{elsewhere}/v1/x"),
        "308 to elsewhere": _redirect(308, f"{elsewhere}/v1/x"),
        "302 in a loop": lambda asked, _: Reply(302, (("Location", asked.path),), b""),
        "302 to nowhere": _redirect(302),
        "302 to nonsense": _redirect(302, "http://["),
        "302 to no host": _redirect(302, "http:///x"),
        "302 to no port": _redirect(302, "http://127.0.0.1:99999999/"),
        "302 to no UTF-8": _redirect(302, "http://\xff\xfe/\xff"),
        "302 to a long label": _redirect(302, f"http://{'a' * 70}.example/"),
        "302 to a file": _redirect(302, "file:///etc/passwd"),
    }


def _missing() -> Iterator[tuple[str, Fault]]:
    for field in MISSING:
        yield f"no {field}", _json(_without(field))
