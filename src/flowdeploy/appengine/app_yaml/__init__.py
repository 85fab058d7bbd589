"""app.yaml and the files beside it, as App Engine's API takes them. Pure."""

from flowdeploy.appengine.app_yaml.app import (
    AppYaml,
    check_settings,
    parse,
    version_body,
    with_settings,
)

__all__ = ["AppYaml", "check_settings", "parse", "version_body", "with_settings"]
