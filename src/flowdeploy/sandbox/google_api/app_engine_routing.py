"""The App Engine target of a queue's tasks or a job's requests: AppEngineRouting."""

from collections.abc import Mapping

from flowdeploy.sandbox.google_api.messages import STRING, MessageType

ROUTING = MessageType(
    "AppEngineRouting",
    {"host": STRING, "instance": STRING, "service": STRING, "version": STRING},
    output_only=frozenset({"host"}),
)


def add_host(routing: Mapping[str, str], hostname: str) -> dict[str, str]:
    """The routing with its host. gcloud compares hosts to detect a changed target.

    ``hostname`` is the application's. Source: the API references, AppEngineRouting.host.
    """
    names = [routing.get(part) for part in ("instance", "version", "service")]
    return {**routing, "host": ".".join([*filter(None, names), hostname])}
