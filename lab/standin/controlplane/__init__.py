"""A stand-in for the control plane (UCP / MKE) of a lab cluster.

It follows the documented HTTP contract that registry operators rely on: login, client bundles,
accounts, the TOML configuration, and a Docker-compatible API over all nodes behind one URL.
It is neither Docker's nor Mirantis' software and says so in every ``Server`` header.
"""

import os

VERSION = os.environ.get("UCP_VERSION", "3.2.6")
SERVER_HEADER = f"controlplane-stand-in/{VERSION} (lab; not UCP or MKE itself)"
