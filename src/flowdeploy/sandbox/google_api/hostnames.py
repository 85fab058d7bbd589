"""Hostnames, regions and bucket names that Google derives from a project and its location.

Google publishes no table of region ids; these come from the hostnames of real
applications. An unknown location's id is its name.
"""

from dataclasses import dataclass

DOMAIN = "appspot.com"

REGION_IDS = {
    "asia-east1": "de",
    "asia-northeast1": "an",
    "asia-south1": "el",
    "asia-southeast1": "as",
    "australia-southeast1": "ts",
    "europe-west": "ew",
    "europe-west2": "nw",
    "europe-west3": "ey",
    "europe-west6": "oa",
    "northamerica-northeast1": "nn",
    "southamerica-east1": "rj",
    "us-central": "uc",
    "us-east1": "ue",
    "us-east4": "uk",
    "us-west1": "uw",
    "us-west2": "wl",
    "us-west3": "wm",
    "us-west4": "wn",
}

# The names of App Engine's two oldest locations are shorter than those of their regions.
REGIONS = {"europe-west": "europe-west1", "us-central": "us-central1"}


@dataclass(frozen=True, slots=True)
class AppAddress:
    """The project, service and version in a hostname; None for parts that it does not name."""

    project: str
    service: str | None = None
    version: str | None = None


def hostname(project: str, location: str) -> str:
    return f"{project}.{REGION_IDS.get(location, location)}.r.{DOMAIN}"


def region(location: str) -> str:
    """The Cloud region that an App Engine location is in."""
    return REGIONS.get(location, location)


def code_bucket(project: str) -> str:
    return f"staging.{project}.{DOMAIN}"


def default_bucket(project: str) -> str:
    return f"{project}.{DOMAIN}"


def project_of_bucket(bucket: str) -> str:
    """The project of a default bucket or code bucket."""
    return bucket.removeprefix("staging.").removesuffix(f".{DOMAIN}")


def parse_host(host: str) -> tuple[AppAddress, ...]:
    """The possible meanings of ``[[VERSION-dot-]SERVICE-dot-]PROJECT[.REGION.r].appspot.com``.

    With two parts, the first is a service, or else a version of the default service.
    """
    label = host.partition(":")[0].partition(".")[0]
    match label.rsplit("-dot-", 2):
        case [version, service, project]:
            return (AppAddress(project, service, version),)
        case [name, project]:
            return (AppAddress(project, name), AppAddress(project, "default", name))
        case _:
            return (AppAddress(label),)
