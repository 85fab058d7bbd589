"""Saves what was built as a release, and finds it again."""
