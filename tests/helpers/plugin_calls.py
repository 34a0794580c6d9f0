"""How the contract tests call registered plug-ins that need more than their defaults.

Each function prepares what its plug-in needs in a temporary folder.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from ego4d_annotations import UID, action, interval, video, write_main
from egoactgen_bench.support.files import write_json
from hostile_server import serving_endpoint

Call = Callable[[Path], dict[str, Any]]
SAMPLES = 4  # that methods are called with


def _finished_images(folder: Path) -> dict[str, Any]:
    for index in range(SAMPLES):
        colour = (index, 50, 200)
        target = folder / f"V{index % 3:02d}_{index}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), colour).save(target)
    return {"method": f"images:{folder}"}


def _finished_videos(folder: Path) -> dict[str, Any]:
    from numbered_videos import write_video  # loads av

    folder.mkdir(parents=True, exist_ok=True)
    for index in range(SAMPLES):
        write_video(folder / f"V{index % 3:02d}_{index}.mp4", range(index + 1))
    return {"method": f"videos:{folder}"}


def _few_steps(folder: Path) -> dict[str, Any]:
    return {"weights": "toy", "options": {"steps": 2}}


def _low_guidance(folder: Path) -> dict[str, Any]:
    """Few steps with low guidance, which amplifies rounding of untrained networks less."""
    return {"weights": "toy", "options": {"steps": 2, "guidance": 1.5}}


def _tiny_pipeline(folder: Path) -> dict[str, Any]:
    from tiny_pipelines import write_pipeline  # loads torch and diffusers

    saved = write_pipeline(folder / "edit", "edit")
    return {"method": f"diffusers:{saved}", "options": {"steps": 2, "guidance": 1.5}}


def _served_model(folder: Path) -> dict[str, Any]:
    return {"method": "endpoint:model", "options": {"base_url": _served_url()}}


SERVERS = ExitStack()  # those that run until the process ends


@cache
def _served_url() -> str:
    """A server of image edits on loopback."""
    return SERVERS.enter_context(serving_endpoint()).url


# Method → arguments of `run_method.prepare`.
METHODS: dict[str, Call] = {
    "diffusers": _tiny_pipeline,
    "endpoint": _served_model,
    "images": _finished_images,
    "lego": _few_steps,
    "ip2p": _few_steps,
    "proxedit": _low_guidance,
    "sdedit": _few_steps,
    "videos": _finished_videos,
}


def _two_videos_of_ego4d(folder: Path) -> dict[str, Any]:
    """Two actions in an existing video, one in a missing video, one rejected."""
    late = action(uid="late", critical_frames={"pre_15": 4000, "pnr_frame": 4020})
    wrong = action(uid="wrong", is_valid_action=False)
    there = video(interval(action(), late, wrong))
    missing = video(interval(action(uid="missing")), video_uid="missing")
    path = folder / "v2" / "full_scale" / f"{UID}.mp4"
    path.parent.mkdir(parents=True)
    path.touch()
    return {"annotations": write_main(folder, there, missing), "videos": folder / "v2"}


def _two_videos_of_epic(folder: Path) -> dict[str, Any]:
    """One action in an existing video, one in a missing video, one rejected."""
    columns = (
        "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,"
        "start_frame,stop_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes"
    )
    rows = [columns]
    for row_id, video_id, start in (
        ("P90_01_0", "P90_01", "00:00:10.00"),
        ("P90_01_1", "P90_01", "00:00:00.10"),
        ("P90_02_0", "P90_02", "00:00:10.00"),
    ):
        times = f"{start},00:00:12.00,600,720"
        rows.append(f"{row_id},P90,{video_id},,{times},fold napkin,fold,9,napkin,5,\"['n']\",[5]")
    annotations = folder / "EPIC_100_validation.csv"
    videos = folder / "P90" / "videos"
    videos.mkdir(parents=True)
    annotations.write_text("\n".join(rows) + "\n", encoding="utf-8")
    (videos / "P90_01.MP4").touch()
    return {"annotations": annotations, "videos": folder}


def _released_pairs(folder: Path) -> dict[str, Any]:
    """One existing pair, one missing pair, one rejected."""
    names = [f"clip-a/0/frame_{number:010d}.jpg" for number in (90, 111)]
    there = {"action": "fold napkin", "llava_text": "The person folds a napkin."}
    there |= dict(zip(("image_0", "image_1"), names, strict=True))
    images = folder / "EgoGen" / "epickitchen" / "val"
    (images / "clip-a" / "0").mkdir(parents=True)
    for name in names:
        (images / name).touch()
    missing = there | {"image_1": "clip-b/0/missing.jpg"}
    entries = {"clip-a": {"0": there, "1": there | {"action": ""}}, "clip-b": {"0": missing}}
    write_json(folder / "epickitchen_val.json", entries)
    return {"annotations": folder}


# Data set → arguments of `open_dataset`.
DATASETS: dict[str, Call] = {
    "ego4d": _two_videos_of_ego4d,
    "epic-kitchens": _two_videos_of_epic,
    "lego-release": _released_pairs,
}
