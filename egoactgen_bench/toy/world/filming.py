"""Filming the toy kitchen: videos and annotation files in one folder."""

import os
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import as_completed
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from egoactgen_bench.support.files import read_json, write_bytes, write_csv, write_json
from egoactgen_bench.support.images import png_bytes
from egoactgen_bench.support.progress import report_progress
from egoactgen_bench.support.replacing import replacing
from egoactgen_bench.support.worker_processes import worker_pool
from egoactgen_bench.toy.world.annotations import epic_rows, fho_video, truth
from egoactgen_bench.toy.world.motion import FPS, LENGTH, PNR, TWOS, Clip, sample_clip
from egoactgen_bench.toy.world.rendering import render
from egoactgen_bench.toy.world.scene import sample_kitchen
from egoactgen_bench.toy.world.variants import STANDARD, Variant

CLIPS_PER_VIDEO = 4
EDITION = 1  # increased whenever the same seed gives different frames
# Without `cpu-independent` the encoded frames would depend on the processor's instruction set.
ENCODING = {"crf": "17", "preset": "veryfast", "g": "48", "x264-params": "cpu-independent=1"}


def video_uid(subset: str, number: int, variant: Variant = STANDARD) -> str:
    """A UUID like those of Ego4D's videos; a function of world, subset and the video's number."""
    random = Random(f"{_seed(subset, number, variant)} uid")
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def videos_of(clips: int) -> int:
    """The number of videos for a number of clips."""
    return -(-clips // CLIPS_PER_VIDEO)


def video_clips(subset: str, number: int, variant: Variant = STANDARD) -> list[Clip]:
    """The clips of one video, all in one kitchen; every subset has its own seeds."""
    random = Random(_seed(subset, number, variant))
    kitchen = sample_kitchen(random)
    return [sample_clip(random, kitchen, variant) for _ in range(CLIPS_PER_VIDEO)]


def _seed(subset: str, number: int, variant: Variant) -> str:
    return f"toy kitchen{variant.own_videos} {EDITION} {subset} {number}"


def film(
    folder: Path,
    subset: str,
    videos: int,
    workers: int = 1,
    variant: Variant = STANDARD,
    progress: bool = False,
) -> None:
    """Film those of the first `videos` videos that are missing: `full_scale/<uid>.mp4`.

    The worlds with the cues none, weak and strong have the same videos. Videos with other encoding
    settings are filmed again.
    """
    _discard_other_encodings(folder)
    missing = [n for n in range(videos) if not _video_path(folder, subset, n, variant).is_file()]
    _each(partial(_film, variant=variant), folder, subset, missing, workers, progress)


def render_stills(
    folder: Path,
    subset: str,
    videos: int,
    workers: int = 1,
    variant: Variant = STANDARD,
    progress: bool = False,
) -> None:
    """Render only the two frames of each clip: `stills/<uid>_<frame>.png`.

    This takes a ninth of the time of filming.
    """
    missing = [n for n in range(videos) if not _stills(folder, subset, n, variant)[-1].is_file()]
    _each(partial(_render_stills, variant=variant), folder, subset, missing, workers, progress)


def still_path(folder: Path, uid: str, frame: int) -> Path:
    """The path of a video's rendered frame."""
    return folder / "stills" / f"{uid}_{frame:06d}.png"


def annotate(folder: Path, subset: str, videos: int, variant: Variant = STANDARD) -> None:
    """Write annotations of the first `videos` videos in both formats, and the ground truth.

    Ego4D: `annotations/{fho_main,ego4d}.json`. EPIC-KITCHENS: `epic/EPIC_100_*.csv` and, for filmed
    videos, `epic/P01/videos/P01_01.MP4`. Ground truth: `truth.json`.
    """
    clips = {number: video_clips(subset, number, variant) for number in range(videos)}
    _write_ego4d(folder, subset, clips, variant)
    _write_epic(folder, subset, clips, variant)


def _each(
    do: Callable[[Path, str, int], None],
    folder: Path,
    subset: str,
    numbers: list[int],
    workers: int,
    progress: bool,
) -> None:
    """Call `do` for each video number, with `workers` > 1 in parallel processes."""
    with report_progress("film", len(numbers), "video", shown=progress, first=4.0) as bar:
        if workers <= 1 or len(numbers) <= 1:
            for number in numbers:
                do(folder, subset, number)
                bar.update()
            return
        died = (
            "A worker process died while rendering (out of memory?): run the same command again to "
            "resume, with fewer --workers."
        )
        with worker_pool(workers, died) as pool:
            jobs = [pool.submit(do, folder, subset, number) for number in numbers]
            for job in as_completed(jobs):
                job.result()
                bar.update()


def _discard_other_encodings(folder: Path) -> None:
    """Remove videos that an earlier version encoded with other settings."""
    marker = folder / "encoding.json"
    if marker.is_file() and read_json(marker) == ENCODING:
        return
    for video in [*folder.glob("full_scale/*.mp4"), *folder.glob("epic/*/videos/*.MP4")]:
        video.unlink()
    write_json(marker, ENCODING)


def _video_path(folder: Path, subset: str, number: int, variant: Variant) -> Path:
    return folder / "full_scale" / f"{video_uid(subset, number, variant)}.mp4"


def _film(folder: Path, subset: str, number: int, variant: Variant) -> None:
    """H.264, 30 frames per second; one thread, so equal library versions give equal bytes."""
    import av

    with (
        replacing(_video_path(folder, subset, number, variant)) as path,
        av.open(str(path), "w", format="mp4") as container,
    ):
        stream = container.add_stream("libx264", rate=FPS)
        stream.width = stream.height = variant.size
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        stream.options = dict(ENCODING)
        for clip in video_clips(subset, number, variant):
            for frame in range(0, LENGTH, TWOS):
                pixels = np.asarray(render(clip.moment(frame), clip.camera(frame), variant.size))
                for _ in range(TWOS):
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))


def _stills(folder: Path, subset: str, number: int, variant: Variant) -> list[Path]:
    """The paths of one video's rendered frames, in rendering order."""
    uid, clips = video_uid(subset, number, variant), video_clips(subset, number, variant)
    frames = [index * LENGTH + at for index, c in enumerate(clips) for at in (c.pre15, PNR)]
    return [still_path(folder, uid, frame) for frame in frames]


def _render_stills(folder: Path, subset: str, number: int, variant: Variant) -> None:
    paths = iter(_stills(folder, subset, number, variant))
    for clip in video_clips(subset, number, variant):
        for frame in (clip.pre15, PNR):
            image = render(clip.moment(frame), clip.camera(frame), variant.size)
            write_bytes(next(paths), png_bytes(image))


def _write_ego4d(
    folder: Path, subset: str, videos: dict[int, list[Clip]], variant: Variant
) -> None:
    entries, states, truths = [], [], []
    for number, clips in videos.items():
        uid = video_uid(subset, number, variant)
        entries.append(fho_video(uid, clips, variant.size))
        states.append({"video_uid": uid, "split_fho": subset, "redacted_intervals": []})
        truths += [truth(uid, index, clip) for index, clip in enumerate(clips)]
    write_json(folder / "annotations" / "ego4d.json", {"videos": states})
    write_json(folder / "truth.json", truths)
    header = {"version": "toy", "date": "", "description": "toy kitchen", "metadata": {}}
    write_json(folder / "annotations" / "fho_main.json", header | {"videos": entries})


def _write_epic(folder: Path, subset: str, videos: dict[int, list[Clip]], variant: Variant) -> None:
    import pandas as pd

    rows, info = [], []
    for number, clips in videos.items():
        participant, video_id = (
            f"P{number // 2 + 1:02d}",
            f"P{number // 2 + 1:02d}_{number % 2 + 1:02d}",
        )
        rows += epic_rows(video_id, clips)
        seconds = LENGTH * len(clips) / FPS
        info.append((video_id, seconds, float(FPS), f"{variant.size}x{variant.size}"))
        _link(
            _video_path(folder, subset, number, variant),
            folder / "epic" / participant / "videos" / f"{video_id}.MP4",
        )
    name = "train" if subset == "train" else "validation"
    columns = ["video_id", "duration", "fps", "resolution"]
    write_csv(folder / "epic" / "EPIC_100_video_info.csv", pd.DataFrame(info, columns=columns))
    write_csv(folder / "epic" / f"EPIC_100_{name}.csv", pd.DataFrame(rows))


def _link(source: Path, link: Path) -> None:
    if link.exists() or not source.is_file():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, link)
    except OSError:
        shutil.copyfile(source, link)
