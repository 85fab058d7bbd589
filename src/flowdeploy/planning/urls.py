"""The URLs of deployed versions.

The Admin API gives an app's ``defaultHostname`` (``PROJECT.REGION_ID.r.appspot.com``,
or without ``REGION_ID.r`` for old apps); versions and services are addressed by a
first label in front of it, joined with ``-dot-``.
"""

from flowdeploy.errors import UsageError

LABEL_LIMIT = 63  # octets of a DNS label, RFC 1035 section 2.3.4


def dark_url(version: str, service: str, default_hostname: str) -> str:
    """``https://VERSION-dot-SERVICE-dot-PROJECT.REGION_ID.r.appspot.com``.

    ``-dot-default`` is left out only if the first label would be too long with it. Raises
    UsageError if the label is still too long.
    """
    project, _, tail = default_hostname.partition(".")
    return f"https://{dark_label(version, service, project)}.{tail}"


def dark_label(version: str, service: str, project: str) -> str:
    """The first label of the host: what is known of `dark_url` offline. Raises UsageError."""
    label = f"{version}-dot-{service}-dot-{project}"
    if len(label) <= LABEL_LIMIT:
        return label
    short = f"{version}-dot-{project}" if service == "default" else label
    if len(short) <= LABEL_LIMIT:
        return short
    raise UsageError(
        f"version {version} would have no valid host on {project}: its first label,"
        f" {short}, would have {len(short)} characters, and DNS allows {LABEL_LIMIT}",
        hint="Use a shorter version, or a shorter service name.",
    )


def live_url(service: str, default_hostname: str) -> str:
    """The URL at which the service's traffic split applies."""
    host = default_hostname if service == "default" else f"{service}-dot-{default_hostname}"
    return f"https://{host}"
