from runbook.remote.lines import LONGEST_LINE, Collector, LineSplitter


def test_lines_are_put_together_across_pieces() -> None:
    lines: list[str] = []
    splitter = LineSplitter(lines.append)
    for piece in (b"on", b"e\ntwo\r\n", b"\nthr\xc3", b"\xa9e"):
        splitter.feed(piece)
    assert lines == ["one", "two", ""]
    splitter.finish()
    splitter.finish()
    assert lines[3:] == ["thr\u00e9e"]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    lines: list[str] = []
    LineSplitter(lines.append).feed(b"\xff\xfe!\n")
    assert lines == ["\ufffd\ufffd!"]


def test_a_line_without_an_end_takes_no_endless_memory() -> None:
    lines: list[str] = []
    LineSplitter(lines.append).feed(b"x" * (LONGEST_LINE + 1))
    assert len(lines[0]) == LONGEST_LINE + 1


def test_a_collector_keeps_both_ends_of_a_stream_and_not_its_length() -> None:
    collector = Collector(10)
    for piece in (b"begin", b"ning of ", b"many ", b"words to its end"):
        collector.feed(piece)
    assert collector.data == b"beginning  ... to its end"
    short = Collector(10)
    short.feed(b"all of this.")
    assert short.data == b"all of this."
