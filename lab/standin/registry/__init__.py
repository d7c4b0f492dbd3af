"""The registry stand-in: a bootstrapper and the services of one replica, after the vendor's contract."""
