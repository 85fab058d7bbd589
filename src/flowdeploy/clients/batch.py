"""Many calls of Cloud Storage's JSON API in one request.

Source: "Sending batch requests" in the guides of Cloud Storage: at most 100 calls
in one request, none of which moves an object's bytes through it. A rewrite
may be among them: Apache Beam's GcsUtil has copied so for years. The Batch of
google-cloud-storage cannot carry one, since its rewrite reads an answer that is
not there yet (googleapis/python-storage, issue 32).
"""

import re
from collections.abc import Iterator, Sequence

from requests.structures import CaseInsensitiveDict

from flowdeploy.clients.answers import Answer

PATH = "batch/storage/v1"
MOST_CALLS = 100
CONTENT_TYPE = "multipart/mixed; boundary=call"

_BOUNDARY = re.compile(r"""boundary="?([^";\s]+)""", re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_NUMBER = re.compile(rb"^Content-ID:.*?(\d{1,9})>?[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(rb"HTTP/[0-9.]+ (\d{3})")
_HEADER = re.compile(r"^([\w-]+):[ \t]*(.*?)\r?$", re.MULTILINE)


def encode_calls(paths: Sequence[str]) -> bytes:
    """A body of type `CONTENT_TYPE` with a POST, itself without a body, to each path."""
    calls = "".join(
        f"--call\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n"
        f"POST {path} HTTP/1.1\r\nContent-Length: 0\r\n\r\n\r\n"
        for number, path in enumerate(paths)
    )
    return f"{calls}--call--\r\n".encode("ascii")


def decode_answers(batch: Answer, count: int) -> tuple[Answer, ...]:
    """The answers to ``count`` calls, in the order of the calls; the server need not keep it.

    Raises BadAnswer where one is missing.
    """
    try:
        found = dict(_parts(batch))
    except ValueError as error:
        raise batch.misfit(str(error)) from error
    if sorted(found) != list(range(count)):
        raise batch.misfit(f"it holds {len(found)} answers to {count} calls")
    return tuple(found[number] for number in range(count))


def _parts(batch: Answer) -> Iterator[tuple[int, Answer]]:
    """Raises ValueError."""
    content_type = batch.headers.get("Content-Type", "")
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise ValueError(f"it is of the type {content_type!r}")
    _, *parts = (b"\r\n" + batch.content).split(b"\n--" + boundary[1].encode())
    for part in parts:
        if part.startswith(b"--"):
            return
        head, answer, content, *_ = (*_BLANK_LINE.split(part, maxsplit=2), b"", b"")
        number, status = _NUMBER.search(head), _STATUS.match(answer)
        if number is None or status is None:
            raise ValueError(f"a part of it begins with {head[:80]!r}")
        headers = CaseInsensitiveDict(_HEADER.findall(answer.decode("latin-1")))
        content = content.rstrip(b"\r\n")
        yield int(number[1]), Answer(batch.request, int(status[1]), headers, content)
