import json

from runbook.domain.plans import Action, Plan, Step

JOIN = Step(Action.JOIN, "dtr2", "a new replica", "1 of 3 replicas are there")
KEEP = Step(Action.KEEP, "dtr1", "replica aaaaaaaaaaaa", "it is a healthy member")


def test_the_digest_differs_when_any_step_differs() -> None:
    one, other = Plan("scale-out", "lab", (KEEP, JOIN)), Plan("scale-out", "lab", (JOIN, KEEP))
    assert one.digest() == Plan("scale-out", "lab", (KEEP, JOIN)).digest()
    assert one.digest() != other.digest()


def test_json_names_flow_cluster_and_every_step_with_its_reason() -> None:
    document = json.loads(Plan("scale-out", "lab", (JOIN,)).to_json())
    assert document == {
        "flow": "scale-out",
        "cluster": "lab",
        "steps": [
            {
                "action": "join",
                "where": "dtr2",
                "what": "a new replica",
                "reason": "1 of 3 replicas are there",
            }
        ],
    }


def test_a_step_reads_as_a_sentence_with_the_host_first() -> None:
    assert str(JOIN) == "dtr2: join a new replica (1 of 3 replicas are there)"
