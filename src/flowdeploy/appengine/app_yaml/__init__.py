"""app.yaml and the files beside it, as App Engine's API takes them. Pure."""

from flowdeploy.appengine.app_yaml.app import (
    AppYaml,
    parse,
    setting_problems,
    version_body,
    with_settings,
)

__all__ = ["AppYaml", "parse", "setting_problems", "version_body", "with_settings"]
