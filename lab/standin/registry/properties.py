"""Names and defaults of the rows of table `properties`: what a cluster knows about itself."""

import secrets
import uuid
from typing import Any

from registry import version

SETTINGS = "hub_settings"
STORAGE = "registry_config"
HTTP_SECRET = "registry_http_secret"
CERTIFICATES = "web_certificates"
TOKEN_SIGNING = "token_signing"
CONTROL_PLANE = "ucp"
LICENSE = "license"
"""Copied from the control plane by install; an empty value says that there was none, no value that nobody looked."""
SERVICE_ID = "service_id"
SCHEMA = "schema_version"

SCHEMA_VERSION = 10

DEFAULT_SETTINGS: dict[str, Any] = {
    "dtrHost": "", "sso": False, "createRepositoryOnPush": False, "httpProxy": "", "httpsProxy": "",
    "noProxy": "", "disableUpgrades": False, "reportAnalytics": False, "anonymizeAnalytics": False,
    "disableBackupWarning": False, "logProtocol": "internal", "logHost": "", "logLevel": "INFO",
    "clientCertAuthEnabled": False, "webTLSClientCA": "", "scanningEnabled": False,
    "scanningSyncOnline": False, "scanningDeadline": 0, "scanningEnableAutoRecheck": False,
    "jobHistoryCompactionEnabled": False, "jobHistoryToKeep": "", "jobHistoryMaxAge": "",
    "repoEventHistoryCompactionEnabled": False, "repoEventHistoryToKeep": "", "repoEventHistoryMaxAge": "",
    "storageVolume": "", "nfsHost": "", "nfsPath": "", "readOnlyRegistry": False,
    "disablePersistentCookies": False,
}  # fmt: skip


def default_storage() -> dict[str, Any]:
    """Return the storage settings of a new cluster: a volume."""
    return {
        "version": "0.1",
        "storage": {
            "delete": {"enabled": True},
            "maintenance": {"readonly": {"enabled": False}},
            "filesystem": {"rootdirectory": "/storage"},
        },
    }


def default_crons() -> list[dict[str, Any]]:
    """Return the crons that an install leaves: garbage collection once a week."""
    if not version.at_least(version.ONLINE_GC):
        return [new_cron("gc", "0 0 1 * * 6")]
    return [new_cron("onlinegc", "0 0 1 * * 6"), new_cron("onlinegc_joblogs", "@daily")]


def new_cron(action: str, schedule: str) -> dict[str, Any]:
    """Return the row of a cron."""
    return {
        "id": str(uuid.uuid4()), "action": action, "schedule": schedule, "retries": 0,
        "capacityMap": {}, "parameters": {}, "deadline": "", "stopTimeout": "",
    }  # fmt: skip


def new_secret() -> str:
    """Return a random secret."""
    return secrets.token_hex(32)
