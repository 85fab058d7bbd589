"""Readers of files: values with their lines and columns, and what is wrong with them. Pure."""
