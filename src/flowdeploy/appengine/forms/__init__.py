"""Reads values of YAML files, with line and column of every problem. Pure."""
