"""SCP-ECG (EN 1064, ISO 11073-91064): sections 0, 2, 3 and 6, rhythm data plain or in the default Huffman code.

Read are plain samples and first and second differences. Refused, each with its reason: subtracted reference beats,
bimodal compression, Huffman tables of one's own, and leads that were not recorded together.
"""

from __future__ import annotations

import binascii
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.readers.dicom import LEAD_OF_NUMBER
from ssrl_ecg.data.readers.waveform import Given, Waveform, check_size, same_length
from ssrl_ecg.errors import InputError

MAX_SCP_BYTES = 1 << 24
"""Largest SCP-ECG file: its Huffman code is undone bit by bit."""

_SECTION_HEADER = struct.Struct("<HHIBB6s")
_POINTER = struct.Struct("<HII")
_LEAD = struct.Struct("<IIB")
_RHYTHM = struct.Struct("<HHBB")
_DEFAULT_TABLE = 19999
_LONGEST_SMALL_PREFIX = 8
_ESCAPED_BITS = {0: 8, 1: 16}


class _Lead(NamedTuple):
    first: int
    last: int
    number: int


def is_scp(path: Path, head: bytes) -> bool:
    """Whether section 0 of SCP-ECG stands at byte 6: numbered 0, and marked ``SCPECG`` or, by some, not at all."""
    if len(head) < 22:
        return False
    _, number, length, _, _, mark = _SECTION_HEADER.unpack_from(head, 6)
    file_size = int.from_bytes(head[2:6], "little")
    return bool(number == 0) and (mark == b"SCPECG" or (mark == bytes(6) and 136 <= length < file_size))


def read_scp(path: Path, given: Given) -> Waveform:
    """Read the rhythm data.

    Raises:
        InputError: the file is damaged or of a variant that is not read.
    """
    check_size(path, MAX_SCP_BYTES)
    content = path.read_bytes()
    try:
        return _read(content)
    except (struct.error, IndexError) as error:
        raise InputError(f"SCP-ECG file is cut short or damaged: {error}") from error


def _read(content: bytes) -> Waveform:
    sections = _sections(content)
    missing = [str(number) for number in (3, 6) if number not in sections]
    if missing:
        raise InputError("SCP-ECG file holds no rhythm data", field=f"section {', '.join(missing)}")
    leads = _leads(sections[3])
    _check_huffman(sections.get(2))
    nv_per_unit, step_us, order, bimodal = _RHYTHM.unpack_from(sections[6])
    if bimodal:
        raise InputError("bimodal compression is not read", field="section 6")
    if order > 2 or step_us == 0 or nv_per_unit == 0:
        raise InputError("rhythm data is not understood", field="section 6", found=f"{nv_per_unit}, {step_us}, {order}")
    lengths = struct.unpack_from(f"<{len(leads)}H", sections[6], _RHYTHM.size)
    samples, start = [], _RHYTHM.size + 2 * len(leads)
    for lead, length in zip(leads, lengths, strict=True):
        data = sections[6][start : start + length]
        if len(data) < length:
            raise InputError("rhythm data is short", field="section 6", expected=length, found=len(data))
        samples.append(_integrated(_numbers(data, lead.last - lead.first + 1, 2 in sections), order))
        start += length
    names = [LEAD_OF_NUMBER.get(lead.number, f"lead {lead.number}") for lead in leads]
    return Waveform(same_length(samples, names) * np.float32(nv_per_unit * 1e-6), 1e6 / step_us, tuple(names), "mV")


def _sections(content: bytes) -> dict[int, bytes]:
    """Return the sections that are there, without their headers, checked by their checksums (CRC-CCITT)."""
    _check_sum(content[:2], content[2 : int.from_bytes(content[2:6], "little")], "file")
    length = _SECTION_HEADER.unpack_from(content, 6)[2]
    sections = {}
    for offset in range(22, min(6 + length, len(content)) - _POINTER.size + 1, _POINTER.size):
        number, size, position = _POINTER.unpack_from(content, offset)
        if size <= _SECTION_HEADER.size or number == 0:
            continue
        section = content[position - 1 : position - 1 + size] if position > 0 else b""
        if len(section) < size or _SECTION_HEADER.unpack_from(section)[1] != number:
            raise InputError("section is not where the file says", field=f"section {number}")
        _check_sum(section[:2], section[2:], f"section {number}")
        sections[number] = section[_SECTION_HEADER.size :]
    return sections


def _check_sum(expected: bytes, content: bytes, field: str) -> None:
    if binascii.crc_hqx(content, 0xFFFF) != int.from_bytes(expected, "little"):
        raise InputError("SCP-ECG file is damaged: its checksum is not the one it states", field=field)


def _leads(section: bytes) -> list[_Lead]:
    n_leads, flags = section[0], section[1]
    if flags & 1:
        raise InputError("subtracted reference beats are not read", field="section 3")
    leads = [_Lead(*_LEAD.unpack_from(section, 2 + number * _LEAD.size)) for number in range(n_leads)]
    if len({(lead.first, lead.last) for lead in leads}) != 1 or leads[0].last < leads[0].first:
        raise InputError("leads were not recorded together", field="section 3")
    return leads


def _check_huffman(section: bytes | None) -> None:
    if section is not None and struct.unpack_from("<H", section)[0] != _DEFAULT_TABLE:
        raise InputError("Huffman tables of the file's own are not read", field="section 2", expected="the default one")


def _numbers(data: bytes, n_samples: int, is_huffman: bool) -> NDArray[np.int64]:
    """Return the stored numbers of one lead.

    In the default Huffman code n ones and a zero, and from the first one on a sign bit, mean the number n up to 8; nine
    ones and a zero precede a number of 8 bits, ten ones one of 16.
    """
    if not is_huffman:
        return np.frombuffer(data, dtype="<i2", count=min(n_samples, len(data) // 2)).astype(np.int64)
    bits = bin(int.from_bytes(b"\1" + data, "big"))[3:]
    numbers: list[int] = []
    position = 0
    while len(numbers) < n_samples:
        zero = bits.find("0", position, position + 10)
        n_ones = zero - position if zero >= 0 else 10
        position += n_ones + (zero >= 0)
        if n_ones > _LONGEST_SMALL_PREFIX:
            width = _ESCAPED_BITS[n_ones - _LONGEST_SMALL_PREFIX - 1]
            number = int(bits[position : position + width] or "0", 2)
            numbers.append(number - (1 << width) if number >> (width - 1) else number)
            position += width
        elif n_ones == 0:
            numbers.append(0)
        else:
            numbers.append(-n_ones if bits[position : position + 1] == "1" else n_ones)
            position += 1
        if position > len(bits):
            raise InputError("Huffman code ends early", expected=f"{n_samples} samples", found=len(numbers) - 1)
    return np.array(numbers, dtype=np.int64)


def _integrated(numbers: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    """Undo differences of an order; as many samples as the order says are stored as they are, at the beginning."""
    if order == 1:
        return np.cumsum(numbers)
    if order == 2 and len(numbers) > 1:
        slopes = np.cumsum(np.concatenate([numbers[1:2] - numbers[:1], numbers[2:]]))
        return np.concatenate([numbers[:1], numbers[0] + np.cumsum(slopes)])
    return numbers
