"""One module for each thing that is done, one narrow client for each remote service."""
