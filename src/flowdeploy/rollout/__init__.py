"""Runs a plan: stages in order, instances side by side, with a limit on failures.

The rollout knows no service. The executor gives it a generator for each step, which

- yields a `Pause` while it waits for something remote: its worker serves other instances;
- yields an `Intent` before each change, and continues once the journal has recorded it;
- returns `Done`, or raises.

So ``jobs`` limits the calls that are under way at once, not the instances.
"""
