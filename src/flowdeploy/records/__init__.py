"""What outlives a process: runs, releases and locks, kept in any store of objects."""
