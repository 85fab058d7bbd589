"""The keys of app.yaml that can be settings of an instance.

Source: the app.yaml reference of the standard environment, without keys that the
configuration sets elsewhere (``service``, ``version``, …), keys of the flexible
environment, keys without effect, and ``skip_files``, since all instances get the same
files.
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
