"""Where the lab keeps its things: everything below ``var/`` of this checkout.

With ``RUNBOOK_LAB=NAME`` in the environment it is another lab, below ``var/NAME/``: tests run in two at once.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = os.environ.get("RUNBOOK_LAB", "")
VAR = ROOT / "var" / NAME
PLACE = VAR if NAME else ROOT
"""What the names of this lab's containers follow from."""

IMAGES = ROOT / "lab" / "images"
STANDIN = ROOT / "lab" / "standin"

LAB = VAR / "lab"
STATE_FILE = LAB / "state.json"
LOCK_FILE = VAR / "lab.lock"
PKI = LAB / "pki"
SSH = LAB / "ssh"
SECRETS = LAB / "secrets"
CLUSTER_FILE = LAB / "cluster.yaml"

CACHE = ROOT / "var" / "cache"  # every lab of a checkout has the same images
RUN = VAR / "run"
PREFECT = VAR / "prefect"
ENGINE_LOG = RUN / "dockerd.log"
