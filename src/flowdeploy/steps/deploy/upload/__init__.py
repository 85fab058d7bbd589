"""Uploads the files of versions into the staging buckets of the fleet."""
