"""The commands, one module each; the only place that wires things together."""
