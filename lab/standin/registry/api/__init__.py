"""The HTTP API of one replica, and the half of the Docker Registry API that lives in metadata."""
