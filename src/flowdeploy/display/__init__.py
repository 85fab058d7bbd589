"""What a person sees: progress while a run lasts, plans, reports, tables, errors.

Words from outside (a service's messages, a build's output, branch names) are
shown as they are: nothing in them is taken for markup, and control characters
are removed.
"""
