"""Rows of EPIC-KITCHENS-100 annotations, and a data set that reads them."""

from pathlib import Path

from egoactgen_bench.datasets.epic_kitchens import EpicKitchens

HEADER = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,"
    "start_frame,stop_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes"
)


def epic_row(
    row_id: str = "P90_01_0",
    start: str = "00:00:10.00",
    stop: str = "00:00:12.00",
    video: str = "P90_01",
    narration: str = "fold napkin",
) -> str:
    times = f"{start},{stop},600,720"
    return f"{row_id},P90,{video},,{times},{narration},fold,9,napkin,5,\"['napkin']\",[5]"


def epic_dataset(folder: Path, *rows: str, videos: Path | None = None) -> EpicKitchens:
    path = folder / "EPIC_100_validation.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return EpicKitchens(path, videos, "val")
