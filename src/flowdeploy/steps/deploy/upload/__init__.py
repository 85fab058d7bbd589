"""Uploads the files of versions into the staging buckets of the fleet.

Each file is uploaded once, into one bucket, and copied from there at Google. ``uploader``
uploads single files and ``zip_uploader`` archives; both fill buckets by ``staging_buckets``,
which plans (``transfer_plan``) and makes (``transfer``) the copies and uploads.
"""
