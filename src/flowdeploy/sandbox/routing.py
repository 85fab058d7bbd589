"""Where in an application a queue's tasks, or a job's requests, go."""

from __future__ import annotations

from collections.abc import Mapping

from flowdeploy.sandbox.messages import STRING, Message

ROUTING = Message(
    "AppEngineRouting",
    {"host": STRING, "instance": STRING, "service": STRING, "version": STRING},
    output_only=frozenset({"host"}),
)


def with_host(routing: Mapping[str, str], hostname: str) -> dict[str, str]:
    """The routing with its host, by which gcloud tells whether a target has changed.

    ``hostname`` is the application's. API references, AppEngineRouting.host.
    """
    names = [routing.get(part) for part in ("instance", "version", "service")]
    return {**routing, "host": ".".join([*filter(None, names), hostname])}
