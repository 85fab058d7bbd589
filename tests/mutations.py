"""Mutated inputs: each a valid sample with some bytes, tokens or JSON values that are wrong."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_TOKENS = re.compile(rb"[\w.$-]+|\s+|.", re.DOTALL)
NASTY = (
    *(b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\t", b"\x1b[2J"),
    *("\N{RIGHT-TO-LEFT OVERRIDE}".encode(), "é".encode(), b"\xc2\x85", b"\x7f"),
    *(
        b"null",
        b"~",
        b"true",
        b"-1",
        b"1e999",
        b".nan",
        b"0x",
        b"9" * 400,
        b"1:59:59",
        b"2020-13-45",
    ),
    *(b'!!int ""', b"!!timestamp x", b"!!float .", b"!!binary x", b"!!python/object:os.system"),
    *(b"&a ", b"*a", b"<<: ", b"? ", b"- ", b": ", b"{", b"}", b"[", b"]", b"|", b">", b"%", b"@"),
    *(b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"<![CDATA[", b"<!--", b"</", b"/>", b"<?xml?>"),
    *(b'encoding="utf-j"', b'encoding="utf-16"', b"xmlns:a='b'", b"a:", b"{x}"),
    *(
        b"[z-a]",
        b"^(a|aa)+$",
        b"*a" * 25,
        b"**/",
        b"!",
        b"\\",
        b"#!include:x",
        b"[[:alpha:]]",
        b"(",
    ),
    *(b"../" * 9, b"/" + b"x" * 300, b"${x}", b"::error::", b"every 0 hours", b"99/s", b"gs://"),
    b"nested: " + b"[" * 60,
)
_JSON: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, 1e300, "", "x", "\x00", "\ud800", "9" * 400),
    *([], {}, [None], {"a": None}, [[]], "2020-01-01", "0001-01-01T00:00:00+23:59"),
)


def mutations(samples: Sequence[bytes], count: int, seed: str) -> Iterator[bytes]:
    """``count`` inputs, always the same for a seed."""
    chance = random.Random(seed)
    for _ in range(count):
        content = chance.choice(samples)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            content = chance.choice(_MUTATIONS)(chance, content)
        yield content


def json_mutations(samples: Sequence[bytes], count: int, seed: str) -> Iterator[bytes]:
    """The same, half of them valid JSON with other values, types or fields."""
    chance = random.Random(seed)
    for each in mutations(samples, count, seed):
        if chance.random() < 0.5:
            yield each
            continue
        document = json.loads(chance.choice(samples))
        for _ in range(chance.choice((1, 1, 2, 4))):
            _change_value(chance, document)
        yield json.dumps(document).encode()


def _change_value(chance: random.Random, document: Any) -> None:
    places = list(_places(document))
    if not places:
        return
    inside, key = chance.choice(places)
    match chance.randrange(4):
        case 0:
            del inside[key]
        case 1 if isinstance(inside, dict):
            inside[f"{key}x"] = inside.pop(key)
        case 2:
            other, where = chance.choice(places)
            if where in (other if isinstance(other, dict) else range(len(other))):
                inside[key] = json.loads(json.dumps(other[where]))
        case _:
            inside[key] = json.loads(json.dumps(chance.choice(_JSON)))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value if isinstance(value, dict) else range(len(value))
    for key in inner:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _flip(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content or b"x")
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _slice(chance: random.Random, content: bytes) -> tuple[bytes, bytes, bytes]:
    start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    return content[:start], content[start:end], content[end:]


def _cut(chance: random.Random, content: bytes) -> bytes:
    before, _, after = _slice(chance, content)
    return before if chance.random() < 0.3 else before + after


def _double(chance: random.Random, content: bytes) -> bytes:
    before, within, after = _slice(chance, content)
    return before + within * chance.choice((2, 2, 2, 20)) + after


def _insert(chance: random.Random, content: bytes) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.choice(NASTY) + content[at:]


def _replace_token(chance: random.Random, content: bytes) -> bytes:
    tokens = _TOKENS.findall(content) or [b""]
    tokens[chance.randrange(len(tokens))] = chance.choice((*NASTY, *tokens))
    return b"".join(tokens)


def _swap_tokens(chance: random.Random, content: bytes) -> bytes:
    tokens = _TOKENS.findall(content) or [b""]
    one, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
    tokens[one], tokens[other] = tokens[other], tokens[one]
    return b"".join(tokens)


def _move_line(chance: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    lines.insert(chance.randrange(len(lines)), b" " * chance.randrange(4) + chance.choice(lines))
    return b"".join(lines)


_MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_flip, _cut, _double, _insert, _insert, _replace_token, _replace_token),
    *(_swap_tokens, _move_line),
)
