import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.plans import Action
from runbook.domain.storage_settings import FilesPlace, S3Place, choose_storage_step, place_in

WANTED = S3Place("images", "eu-west-1")


def test_an_empty_registry_is_configured() -> None:
    assert choose_storage_step(None, WANTED, repositories=0).action is Action.CONFIGURE


def test_the_wanted_storage_is_kept_whatever_is_in_it() -> None:
    assert choose_storage_step(WANTED, WANTED, repositories=7).action is Action.KEEP


def test_a_registry_with_repositories_is_not_switched_to_another_storage() -> None:
    with pytest.raises(
        RefusedError, match="keeps 7 repositories in s3://other, the cluster file names s3://images"
    ):
        choose_storage_step(S3Place("other", "eu-west-1"), WANTED, repositories=7)


def test_a_storage_document_names_its_bucket() -> None:
    document = {
        "storage": {
            "s3": {"bucket": "images", "region": "eu-west-1", "regionendpoint": "", "rootdirectory": ""}
        }
    }
    assert place_in(document) == WANTED
    assert place_in({"storage": {"filesystem": {"rootdirectory": "/storage"}}}) is None


def test_a_share_or_a_volume_is_mounted_by_the_bootstrapper_and_nothing_is_set() -> None:
    share = FilesPlace("nfs://nas/registry")
    assert choose_storage_step(None, share, repositories=7).action is Action.KEEP
    with pytest.raises(RefusedError, match="in s3://images, the cluster file names nfs://nas/registry"):
        choose_storage_step(WANTED, share, repositories=0)
