"""Filming the toy kitchen: videos and annotation files in one folder."""

import os
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

from tqdm import tqdm

from egoactgen_bench.support.files import read_json, replacing, write_bytes, write_csv, write_json
from egoactgen_bench.support.images import png_bytes
from egoactgen_bench.toy.world.annotations import epic_rows, fho_video, truth
from egoactgen_bench.toy.world.motion import FPS, LENGTH, PNR, TWOS, Clip, Cue, sample_clip
from egoactgen_bench.toy.world.photograph import photograph
from egoactgen_bench.toy.world.scene import sample_kitchen

SIZE = 256  # pixels of a side
CLIPS_PER_VIDEO = 4
EDITION = 1  # raised whenever the same seed gives other pictures
# Without `cpu-independent` the pictures would depend on the processor's instruction set.
ENCODING = {"crf": "17", "preset": "veryfast", "g": "48", "x264-params": "cpu-independent=1"}


def video_uid(subset: str, number: int) -> str:
    """A uuid, as Ego4D's videos have, from the subset and the video's number alone."""
    random = Random(f"toy kitchen {EDITION} {subset} {number} uid")
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def videos_of(clips: int) -> int:
    """How many videos hold so many clips."""
    return -(-clips // CLIPS_PER_VIDEO)


def video_clips(subset: str, number: int, cue: Cue = "weak") -> list[Clip]:
    """The actions of one video, all in one kitchen. Seeds of the subsets are disjoint."""
    random = Random(f"toy kitchen {EDITION} {subset} {number}")
    kitchen = sample_kitchen(random)
    return [sample_clip(random, kitchen, cue) for _ in range(CLIPS_PER_VIDEO)]


def film(folder: Path, subset: str, videos: int, workers: int = 1, progress: bool = False) -> None:
    """Film what is not there yet of the first `videos` videos: `full_scale/<uid>.mp4`.

    A cue's films are every cue's. Films of another encoding are made again.
    """
    _discard_other_encodings(folder)
    missing = [n for n in range(videos) if not _video_path(folder, subset, n).is_file()]
    _each(_film, folder, subset, missing, workers, progress)


def photograph_all(
    folder: Path,
    subset: str,
    videos: int,
    workers: int = 1,
    cue: Cue = "weak",
    progress: bool = False,
) -> None:
    """The two frames of each clip without the film between them: `stills/<uid>_<frame>.png`.

    A clip costs a ninth of its film's time.
    """
    missing = [n for n in range(videos) if not _stills(folder, subset, n, cue)[-1].is_file()]
    _each(partial(_photograph, cue=cue), folder, subset, missing, workers, progress)


def still_path(folder: Path, uid: str, frame: int) -> Path:
    """Where the picture of a video's frame is."""
    return folder / "stills" / f"{uid}_{frame:06d}.png"


def annotate(folder: Path, subset: str, videos: int, cue: Cue = "weak") -> None:
    """Write the annotations of the first `videos` videos in both formats, and the truth.

    `annotations/{fho_main,ego4d}.json` as Ego4D has them; `epic/EPIC_100_*.csv` and, for videos
    that are filmed, `epic/P01/videos/P01_01.MP4` as EPIC-KITCHENS has them; `truth.json`.
    """
    clips = {number: video_clips(subset, number, cue) for number in range(videos)}
    _write_ego4d(folder, subset, clips)
    _write_epic(folder, subset, clips)


def _each(
    do: Callable[[Path, str, int], None],
    folder: Path,
    subset: str,
    numbers: list[int],
    workers: int,
    progress: bool,
) -> None:
    """`do` for each video of these numbers, in processes of their own."""
    quiet = None if progress else True  # None: unless it is no terminal
    with tqdm(total=len(numbers), unit="video", disable=quiet, leave=False) as bar:
        if workers <= 1 or len(numbers) <= 1:
            for number in numbers:
                do(folder, subset, number)
                bar.update()
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            jobs = [pool.submit(do, folder, subset, number) for number in numbers]
            for job in as_completed(jobs):
                job.result()
                bar.update()


def _discard_other_encodings(folder: Path) -> None:
    """Remove videos that an earlier version encoded otherwise."""
    marker = folder / "encoding.json"
    if marker.is_file() and read_json(marker) == ENCODING:
        return
    for video in [*folder.glob("full_scale/*.mp4"), *folder.glob("epic/*/videos/*.MP4")]:
        video.unlink()
    write_json(marker, ENCODING)


def _video_path(folder: Path, subset: str, number: int) -> Path:
    return folder / "full_scale" / f"{video_uid(subset, number)}.mp4"


def _film(folder: Path, subset: str, number: int) -> None:
    """H.264, 30 frames a second, one thread: the same bytes on the same library versions."""
    import av

    with (
        replacing(_video_path(folder, subset, number)) as path,
        av.open(str(path), "w", format="mp4") as container,
    ):
        stream = container.add_stream("libx264", rate=FPS)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        stream.options = dict(ENCODING)
        for clip in video_clips(subset, number):
            for frame in range(0, LENGTH, TWOS):
                image = photograph(clip.moment(frame), clip.camera(frame), SIZE)
                for _ in range(TWOS):
                    container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode(None))


def _stills(folder: Path, subset: str, number: int, cue: Cue) -> list[Path]:
    """The pictures of one video, in the order in which they are made."""
    uid, clips = video_uid(subset, number), video_clips(subset, number, cue)
    frames = [index * LENGTH + at for index, c in enumerate(clips) for at in (c.pre15, PNR)]
    return [still_path(folder, uid, frame) for frame in frames]


def _photograph(folder: Path, subset: str, number: int, cue: Cue) -> None:
    paths = iter(_stills(folder, subset, number, cue))
    for clip in video_clips(subset, number, cue):
        for frame in (clip.pre15, PNR):
            image = photograph(clip.moment(frame), clip.camera(frame), SIZE)
            write_bytes(next(paths), png_bytes(image))


def _write_ego4d(folder: Path, subset: str, videos: dict[int, list[Clip]]) -> None:
    entries, states, known = [], [], []
    for number, clips in videos.items():
        uid = video_uid(subset, number)
        entries.append(fho_video(uid, clips, SIZE))
        states.append({"video_uid": uid, "split_fho": subset, "redacted_intervals": []})
        known += [truth(uid, index, clip) for index, clip in enumerate(clips)]
    write_json(folder / "annotations" / "ego4d.json", {"videos": states})
    write_json(folder / "truth.json", known)
    header = {"version": "toy", "date": "", "description": "toy kitchen", "metadata": {}}
    write_json(folder / "annotations" / "fho_main.json", header | {"videos": entries})


def _write_epic(folder: Path, subset: str, videos: dict[int, list[Clip]]) -> None:
    import pandas as pd

    rows, info = [], []
    for number, clips in videos.items():
        participant, video_id = (
            f"P{number // 2 + 1:02d}",
            f"P{number // 2 + 1:02d}_{number % 2 + 1:02d}",
        )
        rows += epic_rows(video_id, clips)
        seconds = LENGTH * len(clips) / FPS
        info.append((video_id, seconds, float(FPS), f"{SIZE}x{SIZE}"))
        _link(
            _video_path(folder, subset, number),
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
