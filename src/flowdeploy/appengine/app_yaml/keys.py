"""The keys of app.yaml and the fields that their values are sent in.

The table follows ``appengine/admin/tools/conversion/yaml_schema_v1`` of gcloud
528, and Google's reference of app.yaml for what is newer: ``vpc_access`` and
``app_engine_bundled_services``. If several keys set one field, the later one in the table
wins.
"""

from collections.abc import Mapping
from typing import Any

from flowdeploy.appengine.app_yaml import handlers, scaling
from flowdeploy.appengine.app_yaml.libraries import libraries
from flowdeploy.appengine.app_yaml.times import expiration
from flowdeploy.appengine.forms.problems import Place, Wrong
from flowdeploy.appengine.forms.schema import (
    FLEXIBLE,
    NOT_CARRIED,
    Key,
    block,
    camel,
    choice,
    entry,
    list_of,
    pattern,
    put,
    regex,
    switch,
    text,
    text_map,
    unknown_key,
    unusable,
)

SERVICE = pattern(
    r"(?!-)[a-z\d-]{0,62}[a-z\d]", "lower-case letters, digits and hyphens, at most 63"
)
_INBOUND = (
    *("mail", "mail_bounce", "xmpp_message", "xmpp_subscribe", "xmpp_presence", "xmpp_error"),
    *("channel_presence", "warmup"),
)
_EGRESS = {"all-traffic": "ALL_TRAFFIC", "private-ranges-only": "PRIVATE_IP_RANGES"}
_FROM_COMMAND = "is not read from the file, since every instance has its own"
_UNFOLDED = "is not supported: write the handlers that it stands for into the file"


def _entrypoint(value: Any, place: Place) -> str:
    """The command without a leading exec, which App Engine adds itself."""
    return text(value, place).removeprefix("exec ")


def _build_regex(value: Any, place: Place) -> str | None:
    found = regex(value, place)
    return None if found == "^$" else found


def _egress(value: Any, place: Place) -> str:
    return _EGRESS[choice(*_EGRESS)(value, place)]


_VPC = block(
    {
        "name": Key(pattern(r"[a-z\d-]+(/.+)*", "a connector's name or path"), required=True),
        "egress_setting": Key(_egress),
    },
    "vpc_access_connector",
)

_NETWORK_INTERFACE = block(
    {"network": Key(text), "subnet": Key(text), "tags": Key(list_of(text))}, "network_interface"
)


def _network_interfaces(value: Any, place: Place) -> list[dict[str, Any]]:
    """One, or a list of one: App Engine takes no more."""
    listed = value if isinstance(value, list) else [value]
    if len(listed) != 1:
        raise Wrong("one network interface")
    sent: dict[str, Any] = _NETWORK_INTERFACE(listed[0], place)
    if not sent.keys() & {"network", "subnet"}:
        place.problem("has neither network nor subnet", "add one of them")
    return [sent]


_VPC_ACCESS = block(
    {
        "network_interface": Key(_network_interfaces, "networkInterfaces", required=True),
        "vpc_egress": Key(_egress),
    },
    "vpc_access",
)

# The API has other words for some of them.
_BUNDLED = {"taskqueue": "taskqueues", "user": "users"}
_BUNDLED_SERVICE = choice(
    *("app_identity_service", "blobstore", "capability_service", "datastore_v3", "deferred"),
    *("images", "mail", "memcache", "modules", "namespaces", "ndb", "search", "taskqueue"),
    *("urlfetch", "user", "taskqueues", "users"),
)


def _bundled_service(value: Any, place: Place) -> str:
    word = str(_BUNDLED_SERVICE(value, place))
    return f"BUNDLED_SERVICE_TYPE_{_BUNDLED.get(word, word).upper()}"


SENT: Mapping[str, Key] = {
    "runtime": Key(
        pattern(r"[a-z][a-z0-9-]{0,29}", "a runtime such as java21 or python312"), required=True
    ),
    "env": Key(choice("standard", "1")),
    "vm": Key(switch),
    "entrypoint": Key(_entrypoint, "entrypoint.shell", default=""),
    "instance_class": Key(text),
    "service_account": Key(text),
    "runtime_channel": Key(text),
    "api_version": Key(
        pattern(r"[\w.]{1,32}", "letters, digits and dots, at most 32"), "runtimeApiVersion"
    ),
    "main": Key(pattern(r".+", "a path"), "runtimeMainExecutablePath"),
    "threadsafe": Key(switch),
    "app_engine_apis": Key(switch),
    "app_engine_bundled_services": Key(list_of(_bundled_service)),
    "automatic_scaling": Key(scaling.AUTOMATIC),
    "basic_scaling": Key(scaling.BASIC),
    "manual_scaling": Key(scaling.MANUAL),
    "inbound_services": Key(list_of(choice(*_INBOUND, prefix="INBOUND_SERVICE"))),
    "env_variables": Key(text_map),
    "build_env_variables": Key(text_map),
    "handlers": Key(handlers.HANDLERS),
    "error_handlers": Key(handlers.ERROR_HANDLERS),
    "api_config": Key(handlers.API_CONFIG),
    "default_expiration": Key(expiration),
    "libraries": Key(libraries),
    "nobuild_files": Key(_build_regex, "nobuildFilesRegex", nullable=False),
    "vpc_access": Key(_VPC_ACCESS),
    "vpc_access_connector": Key(_VPC),
    "auto_id_policy": Key(choice("legacy", "default"), "betaSettings.auto_id_policy"),
    "beta_settings": Key(text_map),
    "vm_settings": Key(text_map, "betaSettings"),
}

# Not part of the Version: they name the service and the files to upload.
ASIDE: Mapping[str, Key] = {
    "service": Key(SERVICE),
    "module": Key(SERVICE),
    "skip_files": Key(regex, nullable=False),
}

_FLEXIBLE_KEYS = (
    *("endpoints_api_service", "health_check", "liveness_check", "readiness_check"),
    *("network", "resources", "runtime_config", "flexible_runtime_settings"),
)
REFUSED: Mapping[str, Key] = {
    **dict.fromkeys(("application", "project"), Key(unusable(_FROM_COMMAND))),
    "version": Key(unusable("is not read from the file, since it comes from the ref")),
    **dict.fromkeys(("builtins", "includes"), Key(unusable(_UNFOLDED))),
    "standard_websocket": Key(unusable(NOT_CARRIED)),
    **dict.fromkeys(_FLEXIBLE_KEYS, Key(unusable(FLEXIBLE))),
}

# gcloud accepts these keys and sends nothing for them.
DROPPED = frozenset(
    {
        *("admin_console", "backends", "code_lock", "derived_file_type", "source_language"),
        *("vm_health_check", "zones"),
    }
)


def read(settings: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The Version's fields for the keys of app.yaml, without id and deployment.

    Problems, and notes about keys without effect, are added to the place.
    """
    for name in settings:
        if name in DROPPED:
            (place / name).note("has no effect in App Engine any more and is not sent")
        elif name not in SENT and name not in ASIDE and name not in REFUSED:
            (place / name).problem(*unknown_key(name, (*SENT, *ASIDE), "app.yaml"))
    for name, key in (*ASIDE.items(), *REFUSED.items()):
        entry(settings, name, key, place)
    fields: dict[str, Any] = {}
    for name, key in SENT.items():
        put(fields, key.name or camel(name), entry(settings, name, key, place))
    return fields
