"""The benchmark of feeding a training, on a few tiny samples."""

import pandas as pd

from benchmarks import feeding


def test_starts_and_rates_are_measured(tmp_path, monkeypatch):
    def here(arguments, **asked):
        chosen = feeding.rate if "count" in asked else feeding.start
        return chosen(arguments.folder, warm=arguments.warm, **asked)

    monkeypatch.setattr(feeding, "measured", here)  # without the imports of new processes
    table = tmp_path / "feeding.csv"
    sizes = ["--samples", "6", "--frames", "2", "--width", "8", "--warm", "6", "--batches", "3"]
    feeding.main(["--folder", str(tmp_path), *sizes, "--workers", "0", "--csv", str(table)])
    found = pd.read_csv(table).pivot(index="part", columns="what", values="value")
    assert found.loc["hashes", ["first start, seconds", "later start, seconds"]].notna().all()
    assert found.loc["samples per second", "reading"] > 0
    frames = list((tmp_path / "splits" / "drawn-train" / "frames").glob("*/*.png"))
    assert len(frames) == 12
    assert len({path.stat().st_ino for path in frames}) == 4
