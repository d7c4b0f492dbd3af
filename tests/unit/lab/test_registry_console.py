import pytest
from registry.bootstrapper.console import Console, FatalError, line


def test_a_line_is_level_clock_and_padded_text() -> None:
    assert line("INFO", 7, "Connecting to UCP", {}) == "INFO[0007] " + "Connecting to UCP".ljust(44)


def test_fields_follow_the_text() -> None:
    text = line("INFO", 166, "Migrating database schema", {"fromVersion": 0, "toVersion": 10})
    assert text.endswith(" fromVersion=0 toVersion=10")


def test_all_is_written_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.info("one")
    console.debug("only with --debug")
    console.fatal("two")
    seen = capsys.readouterr()
    assert seen.out == ""
    assert [text[:10] for text in seen.err.splitlines()] == ["INFO[0000]", "FATA[0000]"]


def test_a_question_at_the_end_of_input_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.bootstrapper.console._read_line", lambda: "")
    with pytest.raises(FatalError, match="Failed to read ucp-url: EOF"):
        Console().ask("ucp-url", "The UCP URL including domain and port")
    assert Console().choose("join to", ["aaaaaaaaaaaa", "bbbbbbbbbbbb"]) == "aaaaaaaaaaaa"
