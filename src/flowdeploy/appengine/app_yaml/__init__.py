"""Reads app.yaml into the JSON of App Engine's API. Pure."""

from flowdeploy.appengine.app_yaml.app import (
    AppYaml,
    check_settings,
    parse,
    version_body,
    with_settings,
)

__all__ = ["AppYaml", "check_settings", "parse", "version_body", "with_settings"]
