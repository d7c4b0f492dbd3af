"""The command line `runbook`: the same flows without a deployment, and what belongs around them."""

import importlib
import logging
import os

ENVIRONMENT = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "runbook",  # what the core says appears beside what the tasks say
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # its 20 s end a restore on a busy machine
    "DO_NOT_TRACK": "1",
}


def main() -> None:
    """Run one command and exit with its documented status."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("runbook").setLevel(logging.INFO)
    importlib.import_module("flows.cli").run()  # after Prefect's settings, which it reads when imported


if __name__ == "__main__":
    main()
