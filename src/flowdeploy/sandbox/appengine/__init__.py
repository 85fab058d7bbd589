"""The App Engine Admin API, version 1."""
