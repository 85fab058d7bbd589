"""The keys of app.yaml that an instance may have for itself.

From the app.yaml reference of the standard environment. Left out are keys that
name what the configuration names elsewhere (``service``, ``version``, …), those
of the flexible environment, those that App Engine no longer reads, and
``skip_files``: which files are deployed is the same for the whole fleet.
"""

from __future__ import annotations

from typing import Literal

SettingKey = Literal[
    "api_version",
    "app_engine_apis",
    "auto_id_policy",
    "automatic_scaling",
    "basic_scaling",
    "beta_settings",
    "build_env_variables",
    "default_expiration",
    "entrypoint",
    "env",
    "env_variables",
    "error_handlers",
    "handlers",
    "inbound_services",
    "instance_class",
    "libraries",
    "main",
    "manual_scaling",
    "nobuild_files",
    "runtime",
    "runtime_channel",
    "service_account",
    "threadsafe",
    "vpc_access_connector",
]
