"""The processing of every request: log, latency, faults and the format of errors."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from flowdeploy.sandbox import control
from flowdeploy.sandbox.app_pages import APP_PAGES, is_application
from flowdeploy.sandbox.appengine.operations import in_progress_error
from flowdeploy.sandbox.faults import FAULTS, REQUEST_KINDS, FaultInjector, FaultKind, Occasion
from flowdeploy.sandbox.google_api.errors import ApiError, invalid_argument, not_found
from flowdeploy.sandbox.google_api.hostnames import parse_host, project_of_bucket
from flowdeploy.sandbox.google_api.responses import error_response
from flowdeploy.sandbox.request_log import REQUEST_LOG, LogEntry

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConnectionDropped(web.Response):
    """Stands in for a response that cannot be sent because the connection is closed."""

    def __init__(self) -> None:
        super().__init__(status=500)


@web.middleware
async def handle_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Wait for the latency, handle the request or inject a fault, and log the result."""
    if request.path.startswith(control.PREFIX):
        return await _convert_errors(request, handler)
    began = time.monotonic()
    injector = request.app[FAULTS]
    if injector.settings.latency:
        await asyncio.sleep(injector.settings.latency)
    fault = _find_fault(injector, request)
    response = await _respond(request, handler, fault)
    dropped = isinstance(response, ConnectionDropped)
    request.app[REQUEST_LOG].add(
        LogEntry(
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


async def _respond(
    request: web.Request, handler: Handler, fault: FaultKind | None
) -> web.StreamResponse:
    if fault is FaultKind.RESET:
        return _drop(request)
    if fault is FaultKind.RESET_AFTER:
        await _convert_errors(request, handler)
        return _drop(request)
    if fault is not None:
        return error_response(_fault_error(fault, request))
    return await _convert_errors(request, handler)


async def _convert_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle the request; convert errors and unknown paths to JSON error responses."""
    try:
        if is_application(request.host):
            return await request.app[APP_PAGES].respond(request)
        return await handler(request)
    except ApiError as error:
        return error_response(error)
    except web.RequestPayloadError:
        return error_response(
            invalid_argument("The request body does not match its Content-Encoding.")
        )
    except ConnectionResetError:
        return ConnectionDropped()  # the client has closed the connection
    except web.HTTPException:
        if request.match_info.http_exception is None:
            raise
        return error_response(_unknown_path_error(request))


def _unknown_path_error(request: web.Request) -> ApiError:
    # Google's front end also answers 404 if the path exists but the method does not.
    return not_found(f"The requested URL {request.path} was not found.")


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return ConnectionDropped()


def _find_fault(injector: FaultInjector, request: web.Request) -> FaultKind | None:
    occasion = Occasion(_find_project(request), request.method, request.path)
    named = injector.take_fault(REQUEST_KINDS, occasion)
    if named is not None:
        return named
    resource = request.match_info.route.resource
    shape = resource.canonical if resource else request.path
    return injector.random_fault(f"{request.method} {shape} {occasion.project}")


def _find_project(request: web.Request) -> str | None:
    found = request.match_info
    if is_application(request.host):
        return parse_host(request.host)[0].project
    bucket = found.get("bucket")
    if bucket is not None:
        return project_of_bucket(bucket)
    return found.get("app") or found.get("project")


def _fault_error(kind: FaultKind, request: web.Request) -> ApiError:
    match kind:
        case FaultKind.UNAVAILABLE:
            return ApiError("UNAVAILABLE", "The service is currently unavailable.")
        case FaultKind.QUOTA:
            return ApiError(
                "RESOURCE_EXHAUSTED",
                "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.",
                headers={"Retry-After": "1"},
            )
        case FaultKind.PERMISSION:
            return ApiError("PERMISSION_DENIED", "The caller does not have permission")
        case FaultKind.CONFLICT:
            target = request.path.removeprefix("/v1/")
            return in_progress_error(target, target, "00000000-0000-0000-0000-000000000000")
        case _:
            return ApiError("INTERNAL", "Internal error encountered.")
