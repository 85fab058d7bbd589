"""One narrow client for each remote service, and for the stores that records are kept in."""
