"""What a packet of a video contains, as far as its headers tell without decoding it."""

from collections.abc import Callable
from typing import NamedTuple


class Contents(NamedTuple):
    """The contents of one packet.

    `picture`: it contains a picture that is displayed. `starts_intact`: its first header is valid;
    if not, the end of the previous packet is suspect, too. `intact`: no header is known to be
    damaged. `unreferenced`: no other picture is predicted from it. `empty`: it contains no picture
    at all, which decoders report as an error. `closed`: no later packet is displayed before it.
    """

    picture: bool = True
    starts_intact: bool = True
    intact: bool = True
    unreferenced: bool = False
    empty: bool = False
    closed: bool = False


Inspector = Callable[[bytes], Contents]

_DAMAGED = Contents(starts_intact=False, intact=False)
# NAL unit types of slices, of supplemental information (SEI), and of units without any content
_SLICES = {"h264": frozenset({1, 2, 5}), "hevc": frozenset(range(32))}
_INFORMATION = {"h264": frozenset({6}), "hevc": frozenset({39, 40})}
_DELIMITERS = {"h264": frozenset({9, 10, 11}), "hevc": frozenset({35, 36, 37})}
# The slices of pictures behind which the display order starts again (IDR, IDR_N_LP)
_CLOSED = {"h264": frozenset({5}), "hevc": frozenset({20})}
_START_CODE = b"\0\0\1"
_VOP = b"\0\0\1\xb6"
_SHORTEST_VOP = 8  # bytes; a VOP that is not coded is shorter
_LONGEST_REFERENCE = 8  # bytes; a VP9 packet that only shows an earlier frame has one or two


def inspector(codec: str, extradata: bytes, reordered: bool) -> Inspector:
    """The function that inspects the packets of a stream.

    `reordered`: the display order may differ from the order of the packets.
    """
    if codec in _SLICES:
        size = nal_length_size(codec, extradata)
        if size:
            return lambda data: _prefixed_units(codec, data, size, extradata)
        return lambda data: _start_code_units(codec, data)
    if codec == "vp8":
        # The bit show_frame (RFC 6386, 9.1); without it, the picture is only a reference.
        return lambda data: (
            Contents(picture=bool(data[0] & 0x10), closed=True) if data else _DAMAGED
        )
    if codec == "vp9":
        return lambda data: _vp9_frame(data) if data else _DAMAGED
    if codec == "mpeg4" and not reordered:
        # With B-pictures, a packed bitstream has its B-picture in the packet before such a VOP.
        return lambda data: Contents(picture=_vop_is_coded(data), closed=True) if data else _DAMAGED
    return lambda data: Contents(closed=not reordered) if data else _DAMAGED


def nal_length_size(codec: str, extradata: bytes) -> int:
    """Size in bytes of the length prefix of NAL units (ISO/IEC 14496-15); 0 without prefixes."""
    if codec == "h264" and len(extradata) > 6 and extradata[0] == 1:
        return (extradata[4] & 3) + 1
    if codec == "hevc" and len(extradata) > 22 and extradata[0] == 1:
        return (extradata[21] & 3) + 1
    return 0


def split_nal_units(data: bytes, length_size: int) -> list[bytes]:
    """The NAL units of a packet; an empty unit at the end marks bytes that no encoder writes.

    The list is empty if even the first unit's header is invalid. Three consecutive zero bytes never
    occur inside a unit (H.264 and H.265, 7.4.1); zeros at its end may be padding.
    """
    units, position = list[bytes](), 0
    while position < len(data):
        begin = position + length_size
        position = begin + int.from_bytes(data[position:begin], "big")
        unit = data[begin:position].rstrip(b"\0")
        if position > len(data) or not unit or unit[0] & 0x80:
            return [*units, b""] if units else []
        units.append(b"" if b"\0\0\0" in unit else unit)
    return units


def without_information(codec: str, data: bytes, extradata: bytes) -> bytes:
    """A packet without its SEI units; the same bytes if it has none or they are not separable."""
    if codec not in _SLICES:
        return data
    size = nal_length_size(codec, extradata)
    if size:
        units = split_nal_units(data, size)
        kept = [unit for unit in units if unit and not _is_information(codec, unit)]
        joined = b"".join(len(unit).to_bytes(size, "big") + unit for unit in kept)
        return joined if len(kept) < len(units) and all(units) else data
    units = data.split(_START_CODE)[1:]
    kept = [unit for unit in units if not unit or not _is_information(codec, unit)]
    return b"".join(_START_CODE + unit for unit in kept) if len(kept) < len(units) else data


def _prefixed_units(codec: str, data: bytes, size: int, extradata: bytes) -> Contents:
    units = split_nal_units(data, size)
    if not units:
        return _DAMAGED
    if not all(units):
        return Contents(intact=False)
    if any(_type(codec, unit) in _SLICES[codec] for unit in units):
        unreferenced = codec == "h264" and all(unit[0] & 0x60 == 0 for unit in units)
        return Contents(unreferenced=unreferenced, closed=_is_closed(codec, units))
    # A slice whose type is damaged is not taken for a packet without a picture.
    accessory = all(_is_accessory(codec, unit) or unit in extradata for unit in units)
    return Contents(picture=False, empty=True) if accessory else Contents(intact=False)


def _start_code_units(codec: str, data: bytes) -> Contents:
    if not data:
        return _DAMAGED
    units = [unit.rstrip(b"\0") for unit in data.split(_START_CODE)[1:]]
    if not units or any(unit and _type(codec, unit) in _SLICES[codec] for unit in units):
        return Contents(closed=_is_closed(codec, units))
    accessory = all(not unit or _is_accessory(codec, unit) for unit in units)
    # A packet whose content was overwritten with zeros has start codes, but no unit.
    accessory = accessory and any(units)
    return Contents(picture=False, empty=True) if accessory else Contents(intact=False)


def _type(codec: str, unit: bytes) -> int:
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def _is_closed(codec: str, units: list[bytes]) -> bool:
    return any(unit and _type(codec, unit) in _CLOSED[codec] for unit in units)


def _is_information(codec: str, unit: bytes) -> bool:
    return _type(codec, unit) in _INFORMATION[codec]


def _is_accessory(codec: str, unit: bytes) -> bool:
    """Whether this is a delimiter or a valid SEI unit."""
    header = 1 if codec == "h264" else 2
    if _type(codec, unit) in _DELIMITERS[codec]:
        return len(unit) <= header + 1
    return _is_information(codec, unit) and _messages_are_valid(unit[header:])


def _messages_are_valid(payload: bytes) -> bool:
    """Whether SEI messages fill the payload exactly, up to the stop bit (H.264, 7.3.2.3)."""
    data, position = payload.replace(b"\0\0\3", b"\0\0"), 0
    while len(data) - position > 1:
        for _ in ("type", "size"):
            value = 0
            while position < len(data) and data[position] == 0xFF:
                value, position = value + 255, position + 1
            if position >= len(data):
                return False
            value, position = value + data[position], position + 1
        position += value
    return position == len(data) - 1 and data[position] == 0x80


def _vp8_frame(data: bytes) -> Contents:
    """Without the bit show_frame (RFC 6386, 9.1), the picture is only a reference."""
    return Contents(picture=bool(data[0] & 0x10), closed=True)


def _vp9_frame(data: bytes) -> Contents:
    """The bits of a frame's header (VP9 specification, 6.2).

    A frame that is not shown is stored in a superframe, together with one that is: alone, it is a
    frame whose header is damaged.
    """
    if data[-1] & 0xE0 == 0xC0:
        return Contents(closed=True)
    bits = int.from_bytes(data[:2].ljust(2, b"\0"), "big")
    position = 5 if bits >> 12 & 3 == 3 else 4  # profile 3 has a reserved bit
    if bits >> (15 - position) & 1:  # show_existing_frame
        return Contents(intact=len(data) <= _LONGEST_REFERENCE, closed=True)
    return Contents(intact=bool(bits >> (13 - position) & 1), closed=True)  # show_frame


def _vop_is_coded(data: bytes) -> bool:
    """False for a packet whose only VOP is too short to code a picture (a repeated frame)."""
    place = data.find(_VOP)
    return place < 0 or len(data) - place - len(_VOP) >= _SHORTEST_VOP
