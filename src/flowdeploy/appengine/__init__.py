"""App Engine's files, read and checked as App Engine and gcloud read them. Pure."""
