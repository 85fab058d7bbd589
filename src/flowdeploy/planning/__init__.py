"""Plans: from a ref or a command to frozen data that a dry run prints and a run executes. Pure."""
