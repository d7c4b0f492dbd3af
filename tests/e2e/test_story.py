"""The whole story once, as `make demo` tells it."""

import json
import subprocess
import sys
from collections import Counter
from uuid import UUID

import pytest

from lab.demo.content import REPOSITORIES, TAGS
from lab.demo.flows import COMPARED
from lab.demo.report import REPORT
from lab.demo.story import RUNBOOKS
from lab.paths import ROOT
from tests.e2e.runs import query
from tests.e2e.secrets_of_the_lab import assert_no_secret_in

pytestmark = pytest.mark.e2e
TOLD_WITHIN = 720  # what a first `make demo` may take


@pytest.fixture(scope="module")
def told(lab_cluster):
    """The command that tells the story, ended."""
    REPORT.unlink(missing_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "lab.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TOLD_WITHIN,
    )


@pytest.fixture(scope="module")
def report(told):
    """What it wrote for programs."""
    return json.loads(REPORT.read_text(encoding="utf-8"))


def test_the_story_holds_and_shows_no_secret(told):
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
    assert "the whole story holds" in told.stdout
    assert_no_secret_in(told.stdout, told.stderr)


def test_the_report_is_as_documented(report):
    assert set(report) == {"steps", "images", "settings_equal", "rto_seconds", "rpo_seconds", "ui_url"}
    assert [(step["name"], step["deployment"]) for step in report["steps"]] == list(RUNBOOKS)
    for step in report["steps"]:
        assert set(step) == {"name", "deployment", "flow_run_id", "state", "seconds"}
        assert step["state"] == "Completed"
        assert step["seconds"] > 0
    assert report["settings_equal"] is True
    assert report["rto_seconds"] > 0
    assert report["rpo_seconds"] > 0
    assert report["ui_url"].startswith("http://127.0.0.1:")


def test_every_image_is_back_by_its_digest(report):
    assert len(report["images"]) == len(REPOSITORIES) * len(TAGS) >= 20
    for image in report["images"]:
        assert set(image) == {"reference", "digest", "pulled_after_restore"}
        assert image["digest"].startswith("sha256:")
        assert image["pulled_after_restore"] is True


def test_the_image_pushed_after_the_backup_is_gone_as_the_restore_said(told):
    assert json.loads(COMPARED.read_text(encoding="utf-8"))["late_image_gone"] is True
    assert "the image pushed after the backup is gone, as the restore said: yes" in told.stdout


def test_images_are_verified_in_every_look_and_read_in_full_once(report):
    restore = next(step for step in report["steps"] if step["deployment"] == "restore/disaster-recovery")
    filter_ = {"flow_runs": {"id": {"any_": [restore["flow_run_id"]]}}, "limit": 200}
    names = Counter(run["name"] for run in query("task_runs/filter", filter_))
    assert names["verify recovery point"] == 3  # before the approval, after it, under the lock
    assert names["read every image of the point"] == 1


def test_every_run_of_the_story_is_completed_at_the_prefect_server(report):
    wanted = {UUID(step["flow_run_id"]) for step in report["steps"]}
    assert len(wanted) == len(RUNBOOKS)
    runs = query("flow_runs/filter", {"flow_runs": {"id": {"any_": [str(run) for run in wanted]}}})
    assert {UUID(run["id"]): run["state"]["type"] for run in runs} == dict.fromkeys(wanted, "COMPLETED")
    assert all(run["deployment_id"] and run["work_pool_name"] for run in runs)
