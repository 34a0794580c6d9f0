"""The two sides of a set metric's rows: features of the outputs beside those of the targets."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Features(Protocol):
    """Numbers (n, d) that may come from disk whenever they are sliced by rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, block: slice) -> NDArray[np.floating]: ...


class Side:
    """Some columns of `rows`, read when sliced."""

    def __init__(self, rows: Features, columns: slice) -> None:
        self._rows, self._columns = rows, columns
        self.shape = (len(rows), columns.stop - columns.start)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, block: slice) -> NDArray[np.floating]:
        return self._rows[block][:, self._columns]


def sides(rows: Features) -> tuple[Side, Side]:
    """The first and the second half of the columns."""
    width = rows.shape[1] // 2
    return Side(rows, slice(0, width)), Side(rows, slice(width, 2 * width))
