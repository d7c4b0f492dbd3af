"""Automations that self-hosted Prefect lacks: a run whose process died must not stay "Running"."""

from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

NAME = "crash runs without heartbeat"
SILENCE = timedelta(seconds=90)
"""Three heartbeats of 30 s; the worker is started with PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30."""


def zombie_automation() -> AutomationCore:
    """Return the automation that marks a run as crashed once its heartbeats have stopped for `SILENCE`."""
    return AutomationCore(
        name=NAME,
        description="A killed worker leaves its runs Running for ever; this marks them Crashed.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *_ENDS},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"The process sent no heartbeat for {SILENCE.seconds} s.\n"
                "Next: start the same deployment again, it finishes the work",
            )
        ],
    )


_ENDS = tuple(
    f"prefect.flow-run.{state}"
    for state in ("Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")
)


def ensure_automations() -> None:
    """Leave the server with exactly one zombie automation, as it is here; one that is switched off stays off."""
    wanted = zombie_automation()
    with get_client(sync_client=True) as client:
        found = client.read_automations_by_name(NAME)
        for surplus in found[1:]:
            client.delete_automation(surplus.id)
        if found:
            wanted.enabled = found[0].enabled
            client.update_automation(found[0].id, wanted)
        else:
            client.create_automation(wanted)
