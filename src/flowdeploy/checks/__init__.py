"""What was observed of instances → findings that speak against a change. Pure."""
