"""Keeping what was built as a version, and finding it again."""
