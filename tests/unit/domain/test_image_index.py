import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.domain.image_index import Held, IndexEntry, layout_of

ENTRIES = st.builds(
    IndexEntry,
    path=st.text(min_size=1),
    size=st.integers(min_value=0),
    etag=st.text(),
    held=st.sampled_from(Held),
    key=st.text(),
    kept=st.text(),
    sha256=st.text(),
    target=st.text(),
    data=st.binary(),
)


@given(ENTRIES)
def test_an_entry_reads_back_as_it_was_written_on_one_line(entry: IndexEntry) -> None:
    assert "\n" not in entry.to_line()
    assert IndexEntry.from_line(entry.to_line()) == entry


@pytest.mark.parametrize(
    ("namings", "layout"),
    [([], "empty"), (["sha256"], "standard"), (["id", "id"], "id-named"), (["id", "sha256"], "mixed")],
)
def test_the_layout_is_told_by_how_blobs_are_named(namings: list[str], layout: str) -> None:
    assert layout_of(namings) == layout
