"""Runs the jobs and crons of the cluster."""
