"""app.yaml and the files beside it, as App Engine's API takes them. Pure."""

from flowdeploy.appyaml.app import AppYaml, parse, version_body, with_settings

__all__ = ["AppYaml", "parse", "version_body", "with_settings"]
