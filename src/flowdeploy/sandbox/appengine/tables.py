"""The tables of App Engine, and the applications that exist at the start."""

import json
from collections.abc import Iterable, Sequence

from flowdeploy.sandbox.service_usage import disable_apis
from flowdeploy.sandbox.state import App, State

# Bodies are the API's resources in JSON without the fields that the other columns imply.
# The fields of a version that only the view FULL shows may be large; they are in
# `version_details`, to keep lists fast. An operation whose `due` is null never ends;
# `error` is the error that it ends with, `effect` the statements that it runs.
SCHEMA = """
CREATE TABLE IF NOT EXISTS apps (
  id TEXT PRIMARY KEY, location TEXT NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS services (
  app TEXT NOT NULL REFERENCES apps ON DELETE CASCADE, id TEXT NOT NULL,
  split TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (app, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
  app TEXT NOT NULL, service TEXT NOT NULL, id TEXT NOT NULL,
  created REAL NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (app, service, id),
  FOREIGN KEY (app, service) REFERENCES services ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version_details (
  app TEXT NOT NULL, service TEXT NOT NULL, id TEXT NOT NULL, details TEXT NOT NULL,
  PRIMARY KEY (app, service, id),
  FOREIGN KEY (app, service, id) REFERENCES versions ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS operations (
  app TEXT NOT NULL, id TEXT NOT NULL, target TEXT NOT NULL, method TEXT NOT NULL,
  inserted REAL NOT NULL, due REAL, applied INTEGER NOT NULL DEFAULT 0,
  effect TEXT NOT NULL, error TEXT, response TEXT,
  PRIMARY KEY (app, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS operations_under_way ON operations (app, due) WHERE NOT applied
"""

FIRST_BODY = {"runtime": "python312", "env": "standard", "servingStatus": "SERVING"}


def create_apps(state: State, apps: Sequence[App]) -> None:
    """Create the applications that do not exist yet; existing ones stay as they are."""
    with state.write() as db:
        known = {row["id"] for row in db.execute("SELECT id FROM apps")}
        new = list({a.project: a for a in apps if a.project not in known}.values())
        now = state.now()
        db.executemany("INSERT INTO apps VALUES (?, ?, ?)", _apps(new))
        db.executemany("INSERT INTO services VALUES (?, ?, ?, '{}')", _services(new))
        db.executemany("INSERT INTO versions VALUES (?, ?, ?, ?, ?)", _versions(new, now))
        disable_apis(db, new)


def _apps(apps: Iterable[App]) -> Iterable[tuple[str, str, str]]:
    for app in apps:
        yield app.project, app.location, json.dumps({"servingStatus": app.serving_status})


def _services(apps: Iterable[App]) -> Iterable[tuple[str, str, str]]:
    for app in apps:
        split = json.dumps({"allocations": {app.versions[0]: 1}})
        for service in app.services:
            yield app.project, service, split


def _versions(apps: Iterable[App], now: float) -> Iterable[tuple[str, str, str, float, str]]:
    body = json.dumps(FIRST_BODY)
    for app in apps:
        for service in app.services:
            for version in app.versions:
                yield app.project, service, version, now, body
