import pytest

from runbook.domain.bootstrapper_failures import advise


@pytest.mark.parametrize(
    ("what", "advice"),
    [
        (
            'Error response: {"message":"could not find any nodes on which the container could be created"}',
            "Allow administrators to deploy containers",
        ),
        (
            "Problem running container 'dtr-phase2' Unable to find a node that satisfies the following conditions"
            " [node==dtr9]; the UCP cluster has the nodes dtr1",
            "docker node ls",
        ),
        ("Failed to log in to UCP as admin: wrong user name or password", "user and password"),
        (
            "Failed to require no tty: Terminal mode detected. This command cannot be run",
            "without a terminal",
        ),
        (
            "cannot prompt for a password because the container was not started in tty mode (-t)",
            "report this",
        ),
        (
            "Failed to connect to UCP, make sure that it is healthy and its CA is given: certificate verify failed",
            "CA (https://",
        ),
        ("x509: certificate signed by unknown authority", "CA (https://"),
        ("Replica aaaaaaaaaaaa has version 2.9.29 but this is 2.4.1; use lab/dtr:2.9.29", "version"),
        ("The backup is of version 2.4.1 but this is 2.9.29; restore it with 2.4.1", "version"),
        (
            "A dtr-phase2 container was left on node dtr1; make sure that no other operation runs",
            "dtr-phase2",
        ),
        ("Another operation still runs in dtr-phase2; try again when it has ended", "dtr-phase2"),
        ("Failed to lock the cluster: not after 20 seconds: the cluster is locked: {}", "lock has expired"),
        ("Port conflict on node dtr1, [443] must be free", "free ports"),
        (
            "Make sure that there is a node in your UCP cluster where port 80 and port 443 are open",
            "free ports",
        ),
        ("write /var/lib/docker/x: no space left on device", "free space"),
        ("Unable to find image 'lab/dtr:2.9.29' locally", "pull or load"),
        ("Failed to choose a storage backend: exactly one of --dtr-use-default-storage", "name the storage"),
        ("Node dtr1 already has the DTR replica aaaaaaaaaaaa; a node can have one", "another node"),
        ("Replica aaaaaaaaaaaa still exists; destroy every replica before a restore", "destroy"),
        ("The cluster is not healthy: bbbbbbbbbbbb", "remove or repair"),
        ("Replica aaaaaaaaaaaa does not exist; this cluster contains the replicas: b", "see the replicas"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "engine runs"),
        ("Failed to reach UCP at https://x: connection refused", "answers from the manager"),
        ("words that nobody has seen before", "read the lines above"),
    ],
)
def test_the_advice_fits_the_vendors_words(what: str, advice: str) -> None:
    assert advice in advise(what)
