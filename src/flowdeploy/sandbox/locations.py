"""The locations of a project, as Cloud Tasks and Cloud Scheduler list them."""

from __future__ import annotations

from typing import Any

from flowdeploy.sandbox.errors import not_found


def location_list(project: str, region: str) -> dict[str, Any]:
    """One location: that of the application, from which gcloud takes its region."""
    location = {
        "name": f"projects/{project}/locations/{region}",
        "locationId": region,
        "labels": {"cloud.googleapis.com/region": region},
    }
    return {"locations": [location]}


def require_location(project: str, region: str, asked: str) -> None:
    """Raises ApiError NOT_FOUND for a location that is not the application's."""
    if asked != region:
        raise not_found(f"Location 'projects/{project}/locations/{asked}' not found.")
