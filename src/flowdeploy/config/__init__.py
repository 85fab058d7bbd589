"""Reads ``config/instances.yaml`` into frozen values, or lists all of its problems."""
