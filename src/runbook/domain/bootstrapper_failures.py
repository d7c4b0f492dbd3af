"""What to do about a failure of the bootstrapper, recognised by its words.

The vendor documents few of these texts; a pattern is as wide as the observed variants need.
"""

import re

_KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"could not find any nodes on which the container could be created",
        "turn on 'Allow administrators to deploy containers on UCP managers or nodes running DTR' in the"
        " control plane's scheduler settings, then rerun",
    ),
    (
        r"unable to find a node that satisfies|no such node|unknown node"
        r"|node .* (is not in|does not exist|not found)",
        "name the node as `docker node ls` shows it, see that it is ready, then rerun",
    ),
    (
        r"\btty\b|terminal mode detected|cannot prompt",
        "report this: the bootstrapper must be run without a terminal and with every value given",
    ),
    (
        r"(wrong|invalid|bad|incorrect|failed|denied)\b.*\b(user|username|password|credentials?|login)\b"
        r"|\b(login|log in|authenticat\w+)\b.*\b(failed|failure|denied|unauthori[sz]ed|401)\b|\bunauthori[sz]ed\b",
        "correct the control plane's user and password that the cluster file names, then rerun",
    ),
    (
        r"x509|certificate (verify|signed|is not|has expired)|validat\w+ (the )?ucp cert|unknown authority",
        "give the control plane's own CA (https://<control plane>/ca) in the cluster file, then rerun",
    ),
    (
        r"version.*(mismatch|differ|do(es)? not match|not the same|not supported|but\b)"
        r"|mismatch.*version",
        "set the cluster file's version to the one that runs (or that the archive names), then rerun",
    ),
    (
        r"dtr-phase2.*(in use|conflict|left)|(conflict|operation still runs).*dtr-phase2",
        "wait until the other bootstrapper run has ended, or remove a left-over container dtr-phase2,"
        " then rerun",
    ),
    (
        r"\block the cluster|(cluster|operation) is locked",
        "wait until the other operation has ended or its lock has expired, then rerun",
    ),
    (
        r"\bports?\b.*(in use|allocated|conflict|are open|is open|not available|busy)",
        "free ports 80 and 443 on the node or choose others for its replica, then rerun",
    ),
    (
        r"already has the .* replica",
        "choose another node, or remove what is left of that replica, then rerun",
    ),
    (
        r"replica .* still exists",
        "destroy every replica that is left, then rerun",
    ),
    (
        r"no space left",
        "free space in /var/lib/docker on the node, then rerun",
    ),
    (
        r"no such image|unable to find image|manifest unknown|pull access denied|not found: manifest",
        "pull or load the bootstrapper's image on the manager and on the target node, then rerun",
    ),
    (
        r"storage flag|--dtr-use-default-storage",
        "name the storage in the cluster file (s3, nfs or volume), then rerun",
    ),
    (
        r"unhealthy|not healthy|quorum|lost contact with primary|some replicas are not ready",
        "run `check`, remove or repair what is unhealthy, then rerun",
    ),
    (
        r"(unknown|no such|not a|does not exist|invalid|malformed).*replica"
        r"|replica.*(unknown|not found|not exist)",
        "run `check` to see the replicas that exist, then rerun with one of them",
    ),
    (
        r"cannot connect to the docker daemon|permission denied.*docker",
        "see that the engine runs on the manager and that the SSH user may use it, then rerun",
    ),
    (
        r"connection refused|no route to host|i/o timeout|timed out|deadline exceeded",
        "see that the control plane answers from the manager, then rerun",
    ),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in _KNOWN)
_UNKNOWN = "read the lines above it in this run's log, mend the cause, then rerun"


def advise(what: str) -> str:
    """Return what an operator does next about the bootstrapper's words `what`."""
    return next((advice for pattern, advice in _PATTERNS if pattern.search(what)), _UNKNOWN)
