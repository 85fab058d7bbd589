"""Plans: frozen data, made from a ref or a command, that a dry run prints and a run executes."""
