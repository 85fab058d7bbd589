"""Parses the answers of services into typed values; anything else is a BadAnswer.

A form is a frozen model that says what an answer must have, what it may lack and of
which type it is. Fields that a form does not know are ignored, and so are unknown values
of enums, which are plain text here.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from html import unescape
from math import isfinite
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic_core import from_json
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from flowdeploy.errors import BadAnswer

T = TypeVar("T")

LARGEST = 32 << 20  # bytes of an answer; a version with 10,000 files has 3 MB
LONGEST = 60.0  # seconds for an answer to arrive, however steadily it drips
_CHUNK = 1 << 16
_HINT = "Check the address, and that no proxy answers in place of the service."
_MOST_WORDS = 10_000  # characters of an error that is none of Google's
_TITLE = re.compile(r"<title[^>]*>([^<]*\w[^<]*)<", re.IGNORECASE)
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<!--.*?-->|<[^>]*>?", re.DOTALL | re.IGNORECASE)
_FIRST_WORDS = 100  # characters; of some answers more would show what is secret


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. ``request`` is its method and address, without user and query."""

    request: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", errors="replace")

    @property
    def words(self) -> str:
        """The text; of HTML or XML, such as a proxy's page, the title or the first words."""
        text = self.text[:_MOST_WORDS].lstrip("\ufeff").strip()
        if not text.startswith("<"):
            return text
        title = _TITLE.search(text)
        return " ".join(unescape(title[1] if title else _TAGS.sub(" ", text)).split())[:200]

    def parse_json(self) -> Any:
        """The answer's JSON. Raises BadAnswer.

        The parser takes no NaN, no number of over 4,300 digits, and nothing that is nested
        more than 200 deep.
        """
        try:
            return from_json(self.content, allow_inf_nan=False)
        except ValueError as error:
            raise self.misfit(f"it is not valid JSON: {error}") from error

    def parse_json_or_none(self) -> Any:
        """The JSON of an answer that need not have any, as of errors."""
        try:
            return from_json(self.content)
        except ValueError:
            return None

    def misfit(self, reason: str) -> BadAnswer:
        """The error for an answer that is not what it should be."""
        words = " ".join(self.text[: 4 * _FIRST_WORDS].split())[:_FIRST_WORDS]
        came = f"it begins with: {words}" if words else "it is empty"
        return bad_answer(self.request, f"{reason}; {came}")


def bad_answer(request: str, reason: str, code: str = "UNKNOWN") -> BadAnswer:
    """The error for an answer that cannot be used. Reads with the code UNKNOWN are retried."""
    message = f"{request}: the answer is not understood: {reason}"
    return BadAnswer(code, message, hint=_HINT)


def read_answer(response: requests.Response) -> Answer:
    """Read an answer to its end. Raises BadAnswer, and RequestException as requests does."""
    request = request_words(response.request)
    try:
        content = _read_content(response, request)
    except DecodeError as error:
        raise bad_answer(request, "its compression is broken") from error
    except ReadTimeoutError as error:
        raise requests.ConnectionError(error, request=response.request) from error
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error, request=response.request) from error
    return Answer(request, response.status_code, response.headers, content)


def request_words(request: requests.PreparedRequest) -> str:
    """``GET https://host/path``."""
    parts = urlsplit(request.url or "")
    host = parts.netloc.rpartition("@")[2]
    return f"{request.method} {parts.scheme}://{host}{parts.path}"


def parse_time(text: object) -> datetime:
    """A time as RFC 3339 has it, with its zone. Raises ValueError."""
    time = datetime.fromisoformat(text if isinstance(text, str) else "")
    if not 1900 < time.year < 3000:  # so that it exists in every time zone
        raise ValueError(f"a time in the year {time.year}")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def parse_http_date(text: str | None) -> datetime | None:
    """The time in a header such as ``Date``; None where there is none to be read."""
    try:
        time = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


class AnswerForm(BaseModel):
    """The base of all forms, with names in camelCase as in Google's JSON.

    Fields have the types below, where pydantic's own would take the text "1" for a number.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class Page(AnswerForm, Generic[T]):
    """One page of a list."""

    items: list[T] | None = None
    next_page_token: str | None = None


class Form(Generic[T]):
    """Reads answers as values of the type ``kind``."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind

    @cached_property
    def adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self._kind)  # takes milliseconds; most forms are not needed

    def read(self, answer: Answer) -> T:
        """Raises BadAnswer."""
        return self.check(answer, answer.parse_json())

    def check(self, answer: Answer, value: Any) -> T:
        """As `read`, for JSON that has been parsed. Raises BadAnswer."""
        try:
            return self.adapter.validate_python(value)
        except ValidationError as error:
            raise answer.misfit(_first_problem(error)) from error


class PageForm(Form[Page[T]]):
    """Reads pages whose list has the name ``items_name``."""

    def __init__(self, kind: type[Page[T]], items_name: str) -> None:
        super().__init__(kind)
        self._items_name = items_name

    def check(self, answer: Answer, value: Any) -> Page[T]:
        if isinstance(value, dict):
            value = {**value, "items": value.get(self._items_name)}
        return super().check(answer, value)


def fits(kind: Any) -> AfterValidator:
    """Check JSON against a form, but keep the JSON with the fields that the form does not know."""
    form: Form[Any] = Form(kind)

    def check(resource: Any) -> Any:
        try:
            form.adapter.validate_python(resource)
        except ValidationError as error:
            raise ValueError(_first_problem(error)) from error
        return resource

    return AfterValidator(check)


def _clean(value: Any) -> Any:
    """Without nulls, which in Google's JSON stand for nothing at all.

    Raises ValueError for a number beyond what a double holds, which could not be put on record.
    """
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_clean(each) for each in value if each is not None]
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("a number that is not finite")
    return value


CLEAN = BeforeValidator(_clean)

Text = Annotated[str, Field(min_length=1)]
Time = Annotated[datetime, BeforeValidator(parse_time)]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict(), Field(ge=-(2**63), lt=2**63)]
Number = Annotated[Annotated[int, Strict()] | Annotated[float, Strict()], Field(ge=-1e15, le=1e15)]
Duration = Annotated[str, Field(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$")]


def _read_content(response: requests.Response, request: str) -> bytes:
    """Raises BadAnswer for too much or too slow an answer, and urllib3's errors."""
    latest = time.monotonic() + LONGEST
    chunks, size = [], 0
    # Not iter_content, which waits until a chunk is full.
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST:
            raise bad_answer(request, f"it has more than {LARGEST >> 20} MiB", "TOO_LARGE")
        if time.monotonic() > latest:
            raise bad_answer(request, f"it has not ended after {LONGEST:.0f} s", "TOO_SLOW")
    return b"".join(chunks)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"]
