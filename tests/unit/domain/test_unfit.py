from runbook.domain.findings import Finding, Level, ok
from runbook.domain.unfit import set_apart


def test_what_blocks_on_a_registry_node_makes_it_unfit_and_nothing_else_is_lowered() -> None:
    disk = Finding(Level.BLOCKS, "dtr2", "1.0 GiB are free for the engine")
    image = Finding(Level.WARNING, "dtr3", "its image is not there")
    manager = Finding(Level.BLOCKS, "ucp1", "it does not answer")
    findings, unfit = set_apart((disk, image, manager, ok("dtr1", "fine")), ("dtr1", "dtr2", "dtr3"))
    assert unfit == ("dtr2",)
    assert [found.level for found in findings] == ["warning", "warning", "blocks", "ok"]
