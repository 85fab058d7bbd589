"""Timestamps in the format of Google's APIs."""

from datetime import UTC, datetime


def to_rfc3339(seconds: float) -> str:
    """Seconds since 1970 → ``2020-04-03T06:27:30.123Z``"""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
