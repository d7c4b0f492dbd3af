import pytest

from runbook.domain.commands import (
    BackupSpec,
    ControlPlaneFlags,
    InstallSpec,
    JoinSpec,
    RemoveSpec,
    ReplicaPorts,
    RestoreSpec,
    StorageChoice,
    StorageKind,
    make_backup_command,
    make_destroy_command,
    make_images_command,
    make_install_command,
    make_join_command,
    make_remove_command,
    make_restore_command,
    make_upgrade_command,
)
from runbook.domain.errors import RefusedError
from runbook.domain.install_options import ProxyFlags, TlsFlags, spellings
from runbook.domain.versions import Version

ACCESS = ControlPlaneFlags("https://198.18.0.10", "admin", "-----BEGIN CERTIFICATE-----\n…")
COMMON = ("--ucp-url", "https://198.18.0.10", "--ucp-username", "admin", "--ucp-ca", ACCESS.ca_pem)
OLD, NEW = Version(2, 4, 1), Version(2, 9, 29)
A, B = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


def test_install_names_everything_so_that_nothing_is_asked() -> None:
    spec = InstallSpec("dtr1", "https://lb", A, overlay_subnet="198.19.64.0/24", ports=ReplicaPorts(81, 444))
    assert make_install_command(ACCESS, spec, OLD) == (
        "install", *COMMON, "--ucp-node", "dtr1", "--dtr-external-url", "https://lb", "--replica-id", A,
        "--replica-http-port", "81", "--replica-https-port", "444", "--overlay-subnet", "198.19.64.0/24",
    )  # fmt: skip


def test_an_install_names_certificate_and_proxy_and_never_a_key() -> None:
    tls, proxy = TlsFlags("CERT", "CA"), ProxyFlags(None, "http://proxy:3128", "example.com")
    spec = InstallSpec("dtr1", "https://lb", tls=tls, proxy=proxy)
    args = make_install_command(ACCESS, spec, NEW)
    assert args[-8:] == (
        "--dtr-cert", "CERT", "--dtr-ca", "CA", "--https-proxy", "http://proxy:3128", "--no-proxy", "example.com",
    )  # fmt: skip
    assert "--dtr-key" not in args
    assert "--dtr-ca" not in make_install_command(
        ACCESS, InstallSpec("dtr1", "https://lb", tls=TlsFlags("CERT")), NEW
    )


def test_what_is_secret_has_both_spellings_of_its_variable() -> None:
    assert spellings("KEY") == ("DTR_KEY", "MSR_KEY")


def test_a_share_is_mounted_with_its_options() -> None:
    storage = StorageChoice(StorageKind.NFS, "nfs://nas/x", "rw,nfsvers=4")
    wanted = ("--nfs-storage-url", "nfs://nas/x", "--nfs-options", "rw,nfsvers=4")
    assert (
        make_install_command(ACCESS, InstallSpec("dtr1", "https://lb", storage=storage), OLD)[-4:] == wanted
    )
    assert set(wanted) < set(make_restore_command(ACCESS, RestoreSpec(A, "dtr1", "https://lb", storage), NEW))


def test_what_is_not_wanted_is_left_to_the_vendor() -> None:
    args = make_install_command(ACCESS, InstallSpec("dtr1", "https://lb"), OLD)
    assert args == ("install", *COMMON, "--ucp-node", "dtr1", "--dtr-external-url", "https://lb")


def test_without_a_ca_the_certificate_is_not_verified() -> None:
    args = make_backup_command(ControlPlaneFlags("u", "admin", None), BackupSpec(A), OLD)
    assert "--ucp-insecure-tls" in args
    assert "--ucp-ca" not in args


def test_colour_is_switched_off_where_the_flag_exists() -> None:
    assert "--nocolor" in make_destroy_command(ACCESS, A, NEW)
    assert "--nocolor" not in make_destroy_command(ACCESS, A, Version(2, 8, 9))


def test_join_takes_storage_and_url_from_the_cluster() -> None:
    assert make_join_command(ACCESS, JoinSpec("dtr2", A), OLD) == (
        "join", *COMMON, "--ucp-node", "dtr2", "--existing-replica-id", A,
    )  # fmt: skip


def test_backup_names_the_replica() -> None:
    assert make_backup_command(ACCESS, BackupSpec(A), OLD) == ("backup", *COMMON, "--existing-replica-id", A)


@pytest.mark.parametrize(
    ("storage", "version", "flags"),
    [
        (StorageChoice(), NEW, ("--dtr-use-default-storage",)),
        (StorageChoice(), OLD, ()),
        (StorageChoice(StorageKind.VOLUME, "images"), NEW, ("--dtr-storage-volume", "images")),
        (StorageChoice(StorageKind.NFS, "nfs://s/d"), NEW, ("--nfs-storage-url", "nfs://s/d")),
    ],
)
def test_restore_has_exactly_one_storage_flag_where_one_is_demanded(
    storage: StorageChoice, version: Version, flags: tuple[str, ...]
) -> None:
    args = make_restore_command(ACCESS, RestoreSpec(A, "dtr1", "https://lb", storage), version)
    known = {"--dtr-use-default-storage", "--dtr-storage-volume", "--nfs-storage-url"}
    assert tuple(arg for arg in args if arg in known or arg == storage.location) == flags
    assert args[args.index("--replica-id") + 1] == A


@pytest.mark.parametrize("version", [Version(2, 5, 2), Version(2, 6, 0), Version(2, 6, 3)])
def test_refuses_the_flag_that_erases_every_tag(version: Version) -> None:
    spec = RestoreSpec(A, "dtr1", "https://lb", StorageChoice(StorageKind.NFS, "nfs://s/d"))
    with pytest.raises(RefusedError, match="erases every tag"):
        make_restore_command(ACCESS, spec, version)


def test_remove_takes_several_and_is_not_forced() -> None:
    args = make_remove_command(ACCESS, RemoveSpec(A, (B, "c")), OLD)
    assert args == ("remove", *COMMON, "--existing-replica-id", A, "--replica-ids", f"{B},c")


def test_images_asks_no_control_plane() -> None:
    assert make_images_command() == ("images",)


def test_an_upgrade_names_the_replica_that_it_works_through_and_no_secret() -> None:
    assert make_upgrade_command(ACCESS, A, NEW)[0] == "upgrade"
    assert make_upgrade_command(ACCESS, A, NEW)[-2:] == ("--existing-replica-id", A)
    assert "--nocolor" in make_upgrade_command(ACCESS, A, NEW)
    assert "--nocolor" not in make_upgrade_command(ACCESS, A, OLD)
