"""What is done to one instance: looked at, deployed to, given its traffic."""
