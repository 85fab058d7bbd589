"""Verifying that a version can get the traffic of an instance, and moving that traffic."""
