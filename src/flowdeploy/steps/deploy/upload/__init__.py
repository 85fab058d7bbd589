"""Bringing the bytes of a version into the buckets of the fleet, each of them once."""
