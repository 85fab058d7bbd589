"""Reads and checks App Engine's files as App Engine and gcloud do. Pure."""
