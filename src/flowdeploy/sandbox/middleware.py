"""What every request goes through: the log, the latency, the faults, the form of errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from flowdeploy.sandbox import control
from flowdeploy.sandbox.answers import error_response
from flowdeploy.sandbox.errors import ApiError, invalid
from flowdeploy.sandbox.hosts import candidates, project_of_bucket
from flowdeploy.sandbox.pages import PAGES, is_application
from flowdeploy.sandbox.rehearsal import REHEARSAL, REQUEST_KINDS, Kind, Occasion, Rehearsal
from flowdeploy.sandbox.requestlog import LOG, Entry

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConnectionDropped(web.Response):
    """Stands for an answer that is never sent: the connection is closed already."""

    def __init__(self) -> None:
        super().__init__(status=500)


@web.middleware
async def observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost: latency, then the answer, then its line in the log."""
    if request.path.startswith(control.PREFIX):
        return await _in_googles_form(request, handler)
    began = time.monotonic()
    rehearsal = request.app[REHEARSAL]
    if rehearsal.settings.latency:
        await asyncio.sleep(rehearsal.settings.latency)
    fault = _fault(rehearsal, request)
    response = await _answer(request, handler, fault)
    dropped = isinstance(response, ConnectionDropped)
    request.app[LOG].add(
        Entry(
            at=time.time(),
            seconds=time.monotonic() - began,
            method=request.method,
            host=request.host,
            path=request.path,
            query=request.query_string,
            received=request.content.total_bytes,
            status=0 if dropped else response.status,
            fault=fault,
        )
    )
    return response


async def _answer(request: web.Request, handler: Handler, fault: Kind | None) -> web.StreamResponse:
    if fault is Kind.RESET:
        return _drop(request)
    if fault is Kind.RESET_AFTER:
        await _in_googles_form(request, handler)
        return _drop(request)
    if fault is not None:
        return error_response(_refusal(fault, request))
    return await _in_googles_form(request, handler)


async def _in_googles_form(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as JSON, whichever service has raised them; an unknown path is one of them."""
    try:
        if is_application(request.host):
            return await request.app[PAGES].answer(request)
        return await handler(request)
    except ApiError as error:
        return error_response(error)
    except web.RequestPayloadError:
        return error_response(invalid("The request's body does not have its Content-Encoding."))
    except ConnectionResetError:
        return ConnectionDropped()  # whoever sent the request has died over it
    except web.HTTPException:
        if request.match_info.http_exception is None:
            raise
        return error_response(_unknown_path(request))


def _unknown_path(request: web.Request) -> ApiError:
    # Google's front end answers 404 to a method that a path does not have, too.
    return ApiError("NOT_FOUND", f"The requested URL {request.path} was not found.")


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return ConnectionDropped()


def _fault(rehearsal: Rehearsal, request: web.Request) -> Kind | None:
    occasion = Occasion(_project(request), request.method, request.path)
    named = rehearsal.strike(REQUEST_KINDS, occasion)
    if named is not None:
        return named
    resource = request.match_info.route.resource
    shape = resource.canonical if resource else request.path
    return rehearsal.chance(f"{request.method} {shape} {occasion.project}")


def _project(request: web.Request) -> str | None:
    found = request.match_info
    if is_application(request.host):
        return candidates(request.host)[0].project
    bucket = found.get("bucket")
    if bucket is not None:
        return project_of_bucket(bucket)
    return found.get("app") or found.get("project")


def _refusal(kind: Kind, request: web.Request) -> ApiError:
    match kind:
        case Kind.UNAVAILABLE:
            return ApiError("UNAVAILABLE", "The service is currently unavailable.")
        case Kind.QUOTA:
            return ApiError(
                "RESOURCE_EXHAUSTED",
                "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.",
                headers={"Retry-After": "1"},
            )
        case Kind.PERMISSION:
            return ApiError("PERMISSION_DENIED", "The caller does not have permission")
        case Kind.CONFLICT:
            target = request.path.removeprefix("/v1/")
            return ApiError(
                "ABORTED",
                f"Cannot operate on {target} because an operation is already in progress for "
                f"{target} by 00000000-0000-0000-0000-000000000000.",
            )
        case _:
            return ApiError("INTERNAL", "Internal error encountered.")
