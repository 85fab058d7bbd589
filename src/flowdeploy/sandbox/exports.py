"""Environment variables that point tools at the sandbox.

The names are those of Google Cloud SDK 528. App Engine's URL must end in a slash.
"""

_APIS = ("APPENGINE", "CLOUDSCHEDULER", "CLOUDTASKS", "DATASTORE", "SERVICEUSAGE")
_ENDPOINT = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"


def gcloud_environment(url: str) -> dict[str, str]:
    """The environment variables that make gcloud use the sandbox instead of Google."""
    endpoints = {f"{_ENDPOINT}{api}": f"{url}/" for api in _APIS}
    return {
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        **endpoints,
        f"{_ENDPOINT}STORAGE": f"{url}/storage/v1/",
    }


def shell_exports(url: str) -> str:
    """Shell commands that export the variables for gcloud and flowdeploy."""
    variables = {**gcloud_environment(url), "FLOWDEPLOY_SANDBOX": url}
    return "\n".join(f"export {name}={value}" for name, value in variables.items())
