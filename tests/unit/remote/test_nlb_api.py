from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError
from runbook.remote.nlb_api import ElbApi
from runbook.remote.s3 import S3Settings


def test_a_machine_without_credentials_is_told_both_ways_to_give_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    access = S3Settings("http://127.0.0.1:1", "eu-west-1", None, None, None)
    with pytest.raises(
        RefusedError, match="access_key and secret_key, or give this machine an instance role"
    ):
        ElbApi("aws-nlb", access).register("arn", [("10.0.0.10", 443)])
