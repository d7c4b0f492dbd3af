"""The part of the runbooks that has never heard of Prefect."""
