"""Blocks that mean something in the flexible environment only.

gcloud sends them for standard applications too and leaves the judgement to the
server, so they are carried here as well.
"""

from __future__ import annotations

from typing import Any

from flowdeploy.appengine.app_yaml.times import seconds
from flowdeploy.appengine.forms.problems import Place
from flowdeploy.appengine.forms.schema import (
    NOT_CARRIED,
    Key,
    block,
    choice,
    list_of,
    number,
    pattern,
    switch,
    text,
    unusable,
    whole,
)

_WORD = pattern(r"\S+", "a text without spaces")
_THRESHOLD = whole(0, 2**32 - 1)
_RESOURCE_NAME = pattern(r"[a-z]([a-z\d-]{0,61}[a-z\d])?", "lower-case letters, digits and hyphens")


def _off(value: Any, place: Place) -> bool:
    return not switch(value, place)


HEALTH_CHECK = block(
    {
        "enable_health_check": Key(_off, "disableHealthCheck"),
        "check_interval_sec": Key(seconds(0), "checkInterval"),
        "timeout_sec": Key(seconds(0), "timeout"),
        "unhealthy_threshold": Key(_THRESHOLD),
        "healthy_threshold": Key(_THRESHOLD),
        "restart_threshold": Key(_THRESHOLD),
        "host": Key(text),
    },
    "health_check",
)

_CHECK = {
    "check_interval_sec": Key(seconds(0), "checkInterval"),
    "timeout_sec": Key(seconds(0), "timeout"),
    "failure_threshold": Key(_THRESHOLD),
    "success_threshold": Key(_THRESHOLD),
    "path": Key(text),
    "host": Key(text),
}

LIVENESS_CHECK = block(
    {**_CHECK, "initial_delay_sec": Key(seconds(0), "initialDelay")}, "liveness_check"
)

READINESS_CHECK = block(
    {**_CHECK, "app_start_timeout_sec": Key(seconds(0), "appStartTimeout")}, "readiness_check"
)

_VOLUME = block(
    {
        "name": Key(text, required=True),
        "volume_type": Key(text, required=True),
        "size_gb": Key(number, required=True),
    },
    "volumes",
)

RESOURCES = block(
    {
        "cpu": Key(number),
        "memory_gb": Key(number),
        "disk_size_gb": Key(whole(0), "diskGb"),
        "volumes": Key(list_of(_VOLUME)),
    },
    "resources",
)

NETWORK = block(
    {
        "forwarded_ports": Key(
            list_of(pattern(r"[0-9]+(:[0-9]+)?(/(udp|tcp))?", "a port such as 8080 or 53:53/udp"))
        ),
        "instance_tag": Key(_RESOURCE_NAME),
        "name": Key(pattern(r"[a-z\d-]+(/[a-z\d-]+)*", "a network's name or path")),
        "subnetwork_name": Key(_RESOURCE_NAME),
        "session_affinity": Key(switch),
        "instance_ip_mode": Key(unusable(NOT_CARRIED)),
    },
    "network",
)

_ENDPOINTS = block(
    {
        "name": Key(_WORD, required=True),
        "rollout_strategy": Key(choice("fixed", "managed")),
        "config_id": Key(_WORD),
        "trace_sampling": Key(_off, "disableTraceSampling"),
    },
    "endpoints_api_service",
)


def endpoints(value: Any, place: Place) -> dict[str, Any]:
    """endpoints_api_service, which pins a configuration unless its roll-out is managed."""
    sent: dict[str, Any] = _ENDPOINTS(value, place)
    managed = sent.get("rolloutStrategy") == "managed"
    if managed and "configId" in sent:
        place.problem("has a config_id and a managed roll-out; keep one")
    if not managed and "configId" not in sent:
        place.problem("has no config_id; add it, or rollout_strategy: managed")
    if "rolloutStrategy" in sent:
        sent["rolloutStrategy"] = sent["rolloutStrategy"].upper()
    return sent
