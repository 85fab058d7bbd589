"""Output for people: progress of a run, plans, reports, tables, errors.

Text from outside (a service's messages, a build's output, branch names) is shown
literally: none of it is markup, and control characters are removed.
"""
