from pathlib import Path

import pytest

from blocks.secret_references import resolve
from runbook.domain.errors import InvalidConfigError


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UCP_PASSWORD_FOR_TEST", "s3cret")
    assert resolve("env:UCP_PASSWORD_FOR_TEST").get_secret_value() == "s3cret"


def test_a_secret_comes_from_a_file_without_its_last_line_break(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("s3cret\n", encoding="utf-8")
    secret = resolve(f"file:{path}")
    assert secret.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(secret)


def test_what_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match="env:NOT_SET_HERE: is not set"):
        resolve("env:NOT_SET_HERE")
    with pytest.raises(InvalidConfigError, match="cannot be read: No such file"):
        resolve(f"file:{tmp_path}/absent")
