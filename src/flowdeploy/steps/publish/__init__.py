"""Publishing the library: what it is made of, what a repository has, and bringing it there."""
