from runbook.domain.findings import Finding, Level, ok
from runbook.domain.plans import Action, Step
from runbook.domain.report import Phase, Report


def test_a_report_holds_what_was_found_done_and_how_long_it_took() -> None:
    report = Report("install", "lab", "brave-otter", findings=(ok("dtr1", "fine"),))
    report.did.append(Step(Action.INSTALL, "dtr1", "the first replica", "there is none"))
    report.phases += [Phase("check", 1.25), Phase("install", 8.0)]
    text = report.to_markdown()
    assert "# install lab" in text
    assert "| dtr1 | install | the first replica | there is none |" in text
    assert "| dtr1 | ok | fine |  |" in text
    assert "| install | 8.0 |" in text


def test_sections_without_content_are_left_out() -> None:
    assert "##" not in Report("check", "lab", "brave-otter").to_markdown()


def test_a_failed_run_says_so_in_both_lines() -> None:
    report = Report("backup", "lab", "brave-otter", failure="vault: full\nNext: make room")
    assert "**failed**" in report.to_markdown()
    assert "vault: full\nNext: make room" in report.to_markdown()


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    report = Report("check", "lab", "brave-otter", findings=(ok("a|b", "x\ny"),))
    assert "| a\\|b | ok | x y |  |" in report.to_markdown()


def test_a_report_says_how_much_of_the_run_the_vendors_commands_took() -> None:
    report = Report("scale-out", "lab", "brave-otter")
    report.note_overhead(5.0, 0.0)
    assert report.notes == []
    report.note_overhead(44.8, 41.0)
    assert report.notes == ["bootstrapper 41.0 s of 44.8 s: the run took 1.09 × its commands"]


def test_the_title_of_a_check_says_how_many_findings_block() -> None:
    one = Finding(Level.BLOCKS, "dtr2", "is down", "start it")
    two = Finding(Level.BLOCKS, "dtr3", "is down", "start it")
    for found, title in (((), "running"), ((one,), "1 finding blocks"), ((one, two), "2 findings block")):
        report = Report("check", "prod", "brave-otter", findings=found)
        assert f"run `brave-otter`: **{title}**" in report.judged().to_markdown()
