"""The command that installs, joins, backs up, restores and destroys replicas."""
