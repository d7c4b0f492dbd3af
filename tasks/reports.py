"""One artifact per run: what was seen, decided, done, and how long it took."""

from prefect.artifacts import create_markdown_artifact

from tasks.policy import step


@step("report")
def publish_report(flow: str, cluster: str, text: str) -> None:
    """Leave the report as the run's artifact; its key stays the same from run to run."""
    create_markdown_artifact(text, key=f"{flow}-{cluster}", description=f"{flow} {cluster}")
