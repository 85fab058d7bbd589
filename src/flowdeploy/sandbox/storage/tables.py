"""The tables of Cloud Storage, and the buckets of new applications."""

import json
from collections.abc import Iterable, Sequence

from flowdeploy.sandbox.google_api.hostnames import code_bucket, default_bucket
from flowdeploy.sandbox.state import App, State

# `body` holds the fields that a client has set, in the API's JSON. Only the latest generation
# of an object is stored. Its `parts` are the blobs that it consists of; after a compose there
# are several, and `sha1` and `md5` are null. The bytes of an unfinished upload are in a file
# that is named by the upload's id.
SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
  name TEXT PRIMARY KEY, project TEXT NOT NULL, created REAL NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
  bucket TEXT NOT NULL REFERENCES buckets, name TEXT NOT NULL,
  generation INTEGER NOT NULL, metageneration INTEGER NOT NULL,
  created REAL NOT NULL, updated REAL NOT NULL,
  parts TEXT NOT NULL, size INTEGER NOT NULL, crc32c TEXT NOT NULL,
  sha1 TEXT, md5 TEXT, components INTEGER, body TEXT NOT NULL,
  PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
  id TEXT PRIMARY KEY, bucket TEXT NOT NULL, intent TEXT NOT NULL, finished TEXT
) WITHOUT ROWID
"""

INSERT_BUCKET = "INSERT OR IGNORE INTO buckets VALUES (?, ?, ?, ?)"
STAGING_LIFECYCLE = {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 15}}]}


def create_buckets(state: State, apps: Sequence[App]) -> None:
    """Create the code bucket and the default bucket of each application."""
    now = state.now()
    with state.write() as db:
        db.executemany(INSERT_BUCKET, bucket_rows(apps, now))


def bucket_rows(apps: Iterable[App], now: float) -> Iterable[tuple[str, str, float, str]]:
    """The values for ``INSERT_BUCKET`` for the buckets of these applications."""
    for app in apps:
        body = {"location": "EU" if app.location.startswith("europe") else "US"}
        staging = {**body, "lifecycle": STAGING_LIFECYCLE}
        yield code_bucket(app.project), app.project, now, json.dumps(staging)
        yield default_bucket(app.project), app.project, now, json.dumps(body)
