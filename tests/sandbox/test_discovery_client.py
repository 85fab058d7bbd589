"""Google's discovery-based client, which is built from the discovery document alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import googleapiclient.discovery_cache
import pytest
import requests
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseUpload

from flowdeploy.sandbox.server import Sandbox

DOCUMENTS = Path(googleapiclient.discovery_cache.__file__).parent / "documents"
BUCKET = "staging.akvoflow-1.appspot.com"
SHA1 = "f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0"  # of b"Hello"


class Requests:
    """The part of httplib2's interface that the client needs, implemented with requests."""

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: Any = None,
        **_: Any,
    ) -> tuple[Any, bytes]:
        data = body.read() if hasattr(body, "read") else body
        answer = requests.request(method, uri, data=data, headers=headers, timeout=5)
        return Response(answer), answer.content


class Response(dict[str, str]):
    """Headers with a status, as in httplib2."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__({key.lower(): value for key, value in answer.headers.items()})
        self.status = answer.status_code
        self.reason = answer.reason


def client(sandbox: Sandbox, name: str) -> Any:
    document = json.loads((DOCUMENTS / f"{name}.json").read_text())
    document["rootUrl"] = f"{sandbox.url}/"
    document["baseUrl"] = f"{sandbox.url}/{document['servicePath']}"
    document.pop("mtlsRootUrl", None)
    return build_from_document(document, http=Requests())


@pytest.fixture
def hello_object(sandbox: Sandbox) -> Any:
    objects = client(sandbox, "storage.v1").objects()
    media = MediaIoBaseUpload(io.BytesIO(b"Hello"), "text/plain")
    return objects.insert(bucket=BUCKET, body={"name": SHA1}, media_body=media).execute()


def test_the_discovery_client_can_use_app_engine(sandbox: Sandbox, hello_object: Any) -> None:
    apps = client(sandbox, "appengine.v1").apps()
    app = {"appsId": "akvoflow-1"}
    service = {**app, "servicesId": "default"}
    url = f"https://storage.googleapis.com/{BUCKET}/{hello_object['name']}"
    body = {
        "id": "v2",
        "runtime": "java21",
        "manualScaling": {"instances": 2},
        "deployment": {"files": {"a": {"sourceUrl": url, "sha1Sum": SHA1}}},
    }
    operation = apps.services().versions().create(**service, body=body).execute()
    number = operation["name"].rpartition("/")[2]
    assert apps.operations().get(**app, operationsId=number).execute()["done"]
    assert apps.operations().list(**app, filter="done:true").execute()["operations"]

    version = {**service, "versionsId": "v2"}
    found = apps.services().versions().get(**version, view="FULL").execute()
    assert found["deployment"]["files"]["a"]["sha1Sum"] == SHA1
    instances = apps.services().versions().instances()
    listed = instances.list(**version).execute()["instances"]
    assert instances.get(**version, instancesId=listed[0]["id"]).execute() == listed[0]
    stopped = {"servingStatus": "STOPPED"}
    versions = apps.services().versions()
    versions.patch(**version, updateMask="serving_status", body=stopped).execute()
    split = {"split": {"allocations": {"1": 0.5, "v2": 0.5}, "shardBy": "COOKIE"}}
    apps.services().patch(**service, updateMask="split", body=split).execute()
    assert apps.services().get(**service).execute()["split"] == split["split"]
    apps.services().versions().delete(
        appsId="akvoflow-2", servicesId="api", versionsId="v1"
    ).execute()
    page = versions.list(appsId="akvoflow-2", servicesId="api", pageSize=1).execute()
    request = versions.list_next(versions.list(appsId="akvoflow-2", servicesId="api"), page)
    assert [item["id"] for item in request.execute()["versions"]] == ["v3"]
    apps.services().delete(appsId="akvoflow-2", servicesId="api").execute()
    remaining = apps.services().list(appsId="akvoflow-2").execute()["services"]
    assert [item["id"] for item in remaining] == ["default"]

    apps.patch(**app, updateMask="auth_domain", body={"authDomain": "example.com"}).execute()
    apps.repair(**app, body={}).execute()
    assert apps.get(**app).execute()["authDomain"] == "example.com"
    assert apps.locations().get(**app, locationsId="europe-west").execute()["metadata"]
    apps.create(body={"id": "akvoflow-9", "locationId": "us-central"}).execute()
    assert apps.get(appsId="akvoflow-9").execute()["locationId"] == "us-central"
    assert len(apps.locations().list(**app, pageSize=5).execute()["locations"]) == 5


def test_the_discovery_client_can_use_cloud_storage(sandbox: Sandbox, hello_object: Any) -> None:
    storage = client(sandbox, "storage.v1")
    objects, buckets = storage.objects(), storage.buckets()
    name = {"bucket": BUCKET, "object": hello_object["name"]}
    assert objects.get(**name).execute() == hello_object
    assert objects.get_media(**name).execute() == b"Hello"
    changed = objects.patch(**name, body={"metadata": {"a": "b"}}).execute()
    assert (changed["metadata"], changed["metageneration"]) == ({"a": "b"}, "2")
    target = {"destinationBucket": "akvoflow-1.appspot.com", "destinationObject": "a/b"}
    source = {"sourceBucket": BUCKET, "sourceObject": hello_object["name"]}
    assert objects.rewrite(**source, **target, body={}).execute()["done"]
    assert objects.copy(**source, **target, body={}).execute()["md5Hash"] == hello_object["md5Hash"]
    composed = objects.compose(
        destinationBucket=BUCKET,
        destinationObject="c",
        body={"sourceObjects": [{"name": SHA1}, {"name": SHA1}]},
    ).execute()
    assert composed["size"] == "10"
    assert len(objects.list(bucket=BUCKET).execute()["items"]) == 2
    objects.delete(**name).execute()
    assert len(buckets.list(project="akvoflow-1").execute()["items"]) == 2
    buckets.insert(project="akvoflow-1", body={"name": "mine"}).execute()
    lifecycle = {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 3}}]}}
    assert buckets.patch(bucket="mine", body=lifecycle).execute()["lifecycle"]
    buckets.delete(bucket="mine").execute()
    with pytest.raises(HttpError, match="The specified bucket does not exist"):
        buckets.get(bucket="mine").execute()
