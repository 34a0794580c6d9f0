"""Published rows: on whose samples they are, and what a table says about it."""

import pytest

from egoactgen_bench.analysis.published import (
    has_released_samples,
    published_descriptions,
    published_note,
    published_rows,
    restate_published,
)
from egoactgen_bench.artifacts.manifests import Bootstrap, ScoreManifest, SplitManifest


def split(dataset: str, kept: int = 9658, rejected: int = 10, **recipe: object) -> SplitManifest:
    return SplitManifest(
        name="s",
        dataset=dataset,
        subset="val",
        recipe=recipe,
        counts={"kept": kept, "rejected": rejected, "by_reason": {"input_before_start": rejected}},
        fingerprint="f",
        egovlp="4-frame",
    )


RELEASED = split("lego-release", part="epickitchen", limit=None)


def names(manifest: SplitManifest) -> set[str]:
    return {row["method"] for row in published_rows(manifest)}


def test_rows_stand_unmarked_only_next_to_the_released_samples():
    assert {"LEGO", "IP2P"} <= names(RELEASED)
    assert published_note(RELEASED) == ""
    assert {"LEGO, other samples", "IP2P, other samples"} <= names(split("epic-kitchens"))
    assert not names(split("epic-kitchens")) & names(RELEASED)


def test_the_note_states_both_counts():
    epic = published_note(split("epic-kitchens"))
    assert "about 62,100 samples of the 67,217 annotated actions" in epic
    assert "as derived from their number of epochs" in epic
    assert "this split has 9,658 of 9,668 annotated actions" in epic
    assert "about 85,300 samples, as derived" in published_note(split("ego4d"))


def test_the_derivation_of_the_counts():
    assert [round(20_000 * 1_024 / epochs, -2) for epochs in (240, 330)] == [85_300, 62_100]


@pytest.mark.parametrize("recipe", [{"limit": 100}, {"filters": {"min_similarity": 0.5}}])
def test_a_part_of_the_released_samples_is_marked_as_well(recipe):
    part = split("lego-release", 100, part="epickitchen", **recipe)
    assert not has_released_samples(part)
    assert "LEGO, other samples" in names(part)
    assert "of which this split has only 100" in published_note(part)


def test_scores_of_an_older_version_get_names_and_note_once():
    manifest = ScoreManifest(
        split="s",
        fingerprint="f",
        protocol="lego-release",
        bootstrap=Bootstrap(draws=0),
        runs=[],
        metrics={},
        published=published_rows(RELEASED),
    )
    epic = split("epic-kitchens")
    for _ in range(2):
        restate_published(manifest, epic)
        assert manifest.notices == [published_note(epic)]
        assert manifest.published == published_rows(epic)


def test_a_table_without_published_rows_gets_no_note():
    manifest = ScoreManifest(
        split="s",
        fingerprint="f",
        protocol="standard",
        bootstrap=Bootstrap(draws=0),
        runs=[],
        metrics={},
    )
    restate_published(manifest, split("epic-kitchens"))
    assert manifest.notices == []


def test_the_input_frame_s_captions_are_named_by_what_they_are_compared_with():
    rows = {row["method"]: row for row in published_rows(RELEASED)}
    assert rows["input frame (captions against labels)"]["blip_b"] == 20.11


def test_the_study_of_descriptions_in_one_sentence():
    found = published_descriptions()
    assert (
        "87 % and 84 % fit with the tuned VLLM, 27 % and 30 % with the one off the shelf" in found
    )
    assert "in 92 % of the cases that do not fit" in found
