"""How far the packets of a video are read ahead of the frame that is displayed."""

from collections import deque

PACKETS = 4
GAP = 0.25  # seconds between two frames, after which the times of Matroska are suspect
CLUSTER = 256  # packets; FFmpeg and mkvmerge end a cluster after 5 s at the latest


class Lookahead:
    """The times of the last packets, in ticks, from `begin` on.

    Times that are too high are recognized by the lower ones behind them. In Matroska
    (`clustered`), times count from the beginning of a cluster. If that is damaged, lower times
    follow only in the next cluster: after a gap, so many packets are read ahead.
    """

    def __init__(self, begin: int, ticks: float, clustered: bool) -> None:
        self._latest = deque([begin] * PACKETS, maxlen=PACKETS)
        self._longest = GAP * ticks if clustered else None

    def add(self, dts: int) -> None:
        latest = self._latest
        if self._longest is not None and dts - latest[-1] > self._longest:
            earlier = [self.lowest] * (CLUSTER - len(latest))
            self._latest = deque([*earlier, *latest], maxlen=CLUSTER)
        self._latest.append(dts)

    @property
    def lowest(self) -> int:
        """What begins before this time is in its place."""
        return min(self._latest)
