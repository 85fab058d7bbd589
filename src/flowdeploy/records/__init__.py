"""What must be remembered beyond one process and one machine, over any store of objects."""
