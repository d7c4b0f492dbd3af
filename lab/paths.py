"""Where the lab keeps its things: everything below ``var/`` of this checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"

IMAGES = ROOT / "lab" / "images"
STANDIN = ROOT / "lab" / "standin"

LAB = VAR / "lab"
STATE_FILE = LAB / "state.json"
LOCK_FILE = VAR / "lab.lock"
PKI = LAB / "pki"
SSH = LAB / "ssh"
SECRETS = LAB / "secrets"
CLUSTER_FILE = LAB / "cluster.yaml"

CACHE = VAR / "cache"
RUN = VAR / "run"
PREFECT = VAR / "prefect"
ENGINE_LOG = RUN / "dockerd.log"
