"""The versions of a project, as ``gcloud app versions list`` (Google Cloud SDK 528) shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from flowdeploy.display.tables import Column, Row


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """``share`` is its part of the service's traffic, 0 to 1; ``resource`` the API's Version."""

    project: str
    service: str
    share: float
    resource: Mapping[str, Any]


COLUMNS = (
    Column("SERVICE", lambda row: row["service"]),
    Column("VERSION.ID", lambda row: row["id"]),
    Column("TRAFFIC_SPLIT", lambda row: f"{row['traffic_split']:.2f}"),
    Column("LAST_DEPLOYED", lambda row: _rfc3339(row["last_deployed_time"])),
    Column("SERVING_STATUS", lambda row: row["version"].get("servingStatus", "")),
)


def versions_rows(versions: Iterable[ListedVersion], zone: tzinfo | None = None) -> list[Row]:
    """Rows with gcloud's keys, in gcloud's order; times in ``zone``, the local one by default.

    gcloud sorts by the text ``PROJECT/SERVICE/ID``: the service ``a-b`` comes before ``a``.
    """
    ordered = sorted(versions, key=lambda v: f"{v.project}/{v.service}/{v.resource['id']}")
    return [
        {
            "id": version.resource["id"],
            "last_deployed_time": _last_deployed(version.resource.get("createTime"), zone),
            "project": version.project,
            "service": version.service,
            "traffic_split": version.share,
            "version": dict(version.resource),
        }
        for version in ordered
    ]


def _last_deployed(created: str | None, zone: tzinfo | None) -> dict[str, Any] | None:
    """A time as in gcloud's JSON: in parts, without fractions of a second."""
    if created is None:
        return None
    time = datetime.fromisoformat(created).astimezone(zone).replace(microsecond=0)
    parts = ("day", "fold", "hour", "microsecond", "minute", "month", "second", "year")
    return {"datetime": time.isoformat(sep=" "), **{part: getattr(time, part) for part in parts}}


def _rfc3339(time: Mapping[str, Any] | None) -> str:
    return time["datetime"].replace(" ", "T") if time else "-"
