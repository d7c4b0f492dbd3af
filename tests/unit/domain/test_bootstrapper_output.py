import pytest

from runbook.domain.bootstrapper_output import (
    Level,
    LogLine,
    find_replica_count,
    find_replica_id,
    parse_images,
    parse_line,
    select_warnings,
    why_failed,
)


@pytest.mark.parametrize(
    ("raw", "level", "message"),
    [
        ("INFO[0166] Installation is complete", Level.INFO, "Installation is complete"),
        ("WARN[0003] Warning! You are using DTR   \r", Level.WARNING, "Warning! You are using DTR"),
        ("INFO This cluster contains the replicas: a b", Level.INFO, "This cluster contains the replicas: a b"),
        ("\x1b[36mINFO\x1b[0m[0000] Beginning    \x1b[36mnode\x1b[0m=dtr1", Level.INFO, "Beginning    node=dtr1"),
        ("\x1b[31mFATA\x1b[0m[0001] Failed", Level.FATAL, "Failed"),
        (
            "ucp-password: ERRO[0013] cannot prompt for a password because",
            Level.ERROR,
            "cannot prompt for a password because",
        ),
        ('time="2026-11-22T02:00:00Z" level=info msg="starting phase 2"', Level.INFO, "starting phase 2"),
        ('time="2026" level=warning msg="an \\"even\\" number"', Level.WARNING, 'an "even" number'),
        ('time="2026" level=fatal msg=EOF', Level.FATAL, "EOF"),
        ('time="2026" level=info msg="odd \\x1b escape"', Level.INFO, "odd \\x1b escape"),
        ("docker: Error response from daemon: No such image: a:1.", Level.ERROR,
         "Error response from daemon: No such image: a:1"),
        ("something else entirely", Level.INFO, "something else entirely"),
        ("a message: INFO is only a word", Level.INFO, "is only a word"),
        ("", Level.INFO, ""),
    ],
)  # fmt: skip
def test_a_line_is_read_in_every_spelling(raw: str, level: Level, message: str) -> None:
    assert parse_line(raw) == LogLine(level, message)


INSTALLED = [
    "INFO[0113] Installation is complete",
    "INFO[0113] Replica ID is set to: 3c9a5b0f1d2e",
    "INFO[0113] You can use flag '--existing-replica-id 3c9a5b0f1d2e' when joining other replicas",
]


def test_the_replica_id_is_found_where_it_is_set() -> None:
    assert find_replica_id(map(parse_line, INSTALLED)) == "3c9a5b0f1d2e"
    assert find_replica_id(map(parse_line, INSTALLED[:1])) is None


@pytest.mark.parametrize("product", ["DTR", "Docker Trusted Registry", "Mirantis Secure Registry"])
def test_the_number_of_replicas_is_found_in_every_spelling(product: str) -> None:
    line = parse_line(f"INFO[0001] There are currently 2 replicas in your {product} cluster")
    assert find_replica_count([line]) == 2
    assert find_replica_count([]) is None


@pytest.mark.parametrize(
    "advice",
    [
        "You have an even number of replicas which can impact availability",
        "You currently have an even number of replicas which can impact cluster availability",
    ],
)
def test_the_advice_about_an_even_number_is_a_warning_at_any_level(advice: str) -> None:
    lines = [parse_line("INFO[0001] Join is complete"), parse_line(f"INFO[0001] {advice}")]
    assert select_warnings([*lines, parse_line("WARN[0002] filesystem driver")]) == (
        advice,
        "filesystem driver",
    )


@pytest.mark.parametrize(
    ("status", "lines", "why"),
    [
        (0, ["INFO[0001] done"], None),
        (0, [], None),
        (0, ["FATA[0001] lost the database", "INFO[0002] bye"], "lost the database"),
        (1, ["ERRO[0001] first", "FATA[0002] second"], "second"),
        (1, ["ERRO[0001] first", "INFO[0002] bye"], "it ended with status 1: first"),
        (1, ["INFO[0001] last"], "it ended with status 1: last"),
        (137, [], "it ended with status 137: it said nothing"),
        (
            125,
            ["docker: Error response from daemon: No such image.", "See 'docker run --help'."],
            "it ended with status 125: Error response from daemon: No such image",
        ),
    ],
)
def test_a_failure_is_told_in_the_words_that_say_most(status: int, lines: list[str], why: str | None) -> None:
    assert why_failed(status, [parse_line(line) for line in lines]) == why


def test_the_list_of_images_holds_references_alone() -> None:
    stdout = "INFO[0000] asking\nmirantis/dtr:2.9.29\r\n\nregistry.example:5000/msr/dtr-api:2.9.29\n"
    assert parse_images(stdout) == ("mirantis/dtr:2.9.29", "registry.example:5000/msr/dtr-api:2.9.29")
