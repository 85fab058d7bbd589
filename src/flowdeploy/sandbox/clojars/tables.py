"""The tables of Clojars."""

# An upload collects the files of one version that one token sends. Its version is null until
# the first versioned file arrives. The real Clojars uses a folder for each upload.
SCHEMA = """
CREATE TABLE IF NOT EXISTS clojars_rules (
  kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clojars_uploads (
  id INTEGER PRIMARY KEY, token TEXT NOT NULL, project TEXT NOT NULL, version TEXT,
  stamp TEXT, created REAL NOT NULL, finished INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS clojars_uploads_of ON clojars_uploads (project, token);
CREATE TABLE IF NOT EXISTS clojars_staged (
  upload INTEGER NOT NULL REFERENCES clojars_uploads ON DELETE CASCADE, path TEXT NOT NULL,
  blob TEXT NOT NULL, sha1 TEXT NOT NULL, md5 TEXT NOT NULL,
  PRIMARY KEY (upload, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clojars_files (
  path TEXT PRIMARY KEY, blob TEXT NOT NULL, written REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clojars_missed (
  path TEXT PRIMARY KEY, until REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clojars_versions (
  id INTEGER PRIMARY KEY, project TEXT NOT NULL, version TEXT NOT NULL, user TEXT NOT NULL,
  UNIQUE (project, version)
)
"""
