"""Schedules, automations and example cluster files; applied by `python -m deployments`."""
