"""Philips Sierra ECG XML (root ``restingecgdata``), versions 1.03 to 1.04.02, plain or in Philips' XLI compression.

Philips publishes no description; this follows what the sierra-ecg-tools project (C. Watford, MIT licence) found out.
Compressed leads are stored one after another: 8 bytes of header, then LZW of codes of 10 bits (MSB first, 1023 ends),
whose bytes are the high bytes and then the low bytes of second differences. Of III, aVR, aVL and aVF the file then
holds only what I and II do not explain.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ssrl_ecg.data.readers.waveform import Given, Waveform, check_values
from ssrl_ecg.data.readers.xml_file import decoded, find, number, parse_xml, root_name, text_of
from ssrl_ecg.errors import InputError
from ssrl_ecg.signals.leads import LEADS

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_CODE_BITS = 10
_LAST_CODE = (1 << _CODE_BITS) - 2
_DIFFERENCE_BIAS = 64
_TWELVE_LEADS = ("STD-12", "10-WIRE")


def is_philips(path: Path, head: bytes) -> bool:
    """Whether a file is XML with the root ``restingecgdata``."""
    return root_name(head) == "restingecgdata"


def read_philips(path: Path, given: Given) -> Waveform:
    """Read the parsed waveforms.

    Raises:
        InputError: they are missing, in another encoding or compression, shorter than said, or not of 16 bits.
    """
    root = parse_xml(path)
    facts, waveforms = find(root, "dataacquisition/signalcharacteristics"), root.find(".//{*}parsedwaveforms")
    if waveforms is None or waveforms.get("dataencoding") != "Base64":
        raise InputError("no waveforms in Base64", field="parsedwaveforms")
    if (facts.findtext("{*}bitspersample") or "16").strip() != "16":
        raise InputError("samples are not of 16 bits", field="bitspersample")
    rate_hz = number(text_of(facts, "samplingrate"), "samplingrate")
    uv_per_unit = number(text_of(facts, "resolution"), "resolution")
    leads = _leads(facts, waveforms)
    n_samples = _n_samples(waveforms, rate_hz, len(leads))
    samples = _samples(waveforms, leads, n_samples)
    return Waveform((samples * uv_per_unit).astype(np.float32), rate_hz, leads, "uV")


def _leads(facts: Element, waveforms: Element) -> tuple[str, ...]:
    labels = (waveforms.get("leadlabels") or "").split()
    if labels:
        return tuple(labels[: int(number(waveforms.get("numberofleads", str(len(labels))), "numberofleads"))])
    if text_of(facts, "acquisitiontype") not in _TWELVE_LEADS:
        raise InputError("leads are not named", field="leadlabels", found=text_of(facts, "acquisitiontype"))
    return LEADS


def _n_samples(waveforms: Element, rate_hz: float, n_leads: int) -> int:
    duration_s = number(waveforms.get("durationperchannel"), "durationperchannel") / 1000
    n_samples = duration_s * rate_hz
    if not 1 <= n_samples < 1 << 31:
        raise InputError("length is not understood", field="durationperchannel", found=f"{duration_s:g} s")
    check_values(int(n_samples) * n_leads)
    return int(n_samples)


def _samples(waveforms: Element, leads: tuple[str, ...], n_samples: int) -> NDArray[np.float64]:
    """Return (lead, time) in units of the resolution."""
    content, n_leads = decoded(waveforms.text, "parsedwaveforms"), len(leads)
    method = waveforms.get("compressmethod") or waveforms.get("compression") or "Uncompressed"
    if method == "XLI":
        if leads[:6] != LEADS[:6]:
            raise InputError(
                "compressed leads are in another order", expected=", ".join(LEADS[:6]), found=", ".join(leads)
            )
        return _with_explained_part(_xli(content, n_leads, n_samples))
    if method != "Uncompressed":
        raise InputError("unknown compression", field="compressmethod", expected="XLI or none", found=method)
    if len(content) < 2 * n_leads * n_samples:
        raise InputError("waveforms are short", expected=2 * n_leads * n_samples, found=f"{len(content)} bytes")
    stored = np.frombuffer(content, dtype="<i2", count=n_leads * n_samples)
    return stored.reshape(n_leads, n_samples).astype(np.float64)


def _xli(content: bytes, n_leads: int, n_samples: int) -> NDArray[np.int64]:
    leads, offset = [], 0
    for _ in range(n_leads):
        size = int.from_bytes(content[offset : offset + 4], "little")
        last = int.from_bytes(content[offset + 6 : offset + 8], "little", signed=True)
        chunk = content[offset + 8 : offset + 8 + size]
        if len(chunk) != size or size == 0:
            raise InputError("compressed lead is short", expected=f"{size or 'some'} bytes", found=len(chunk))
        leads.append(_integrated(_unpacked(chunk), last)[:n_samples])
        offset += 8 + size
    found = min(map(len, leads))
    if found < n_samples:
        raise InputError("compressed lead is short", expected=f"{n_samples} samples", found=found)
    return np.stack(leads)


def _unpacked(chunk: bytes) -> NDArray[np.int64]:
    """Expand LZW and join high and low bytes to (time,) numbers of 16 bits."""
    stream = _expanded(chunk)
    half = (len(stream) + 1) // 2
    high, low = np.frombuffer(stream.ljust(2 * half, b"\0"), dtype=np.uint8).reshape(2, half).astype(np.int64)
    return (high << 8 | low).astype(np.int16).astype(np.int64)


def _expanded(chunk: bytes) -> bytes:
    """Undo LZW (Welch, Computer 1984) with codes of 10 bits; the table stays as it is once all codes are used."""
    bits = np.unpackbits(np.frombuffer(chunk, dtype=np.uint8))
    bits = bits[: len(bits) // _CODE_BITS * _CODE_BITS].reshape(-1, _CODE_BITS)
    table = [bytes([value]) for value in range(256)]
    pieces: list[bytes] = []
    previous = b""
    for code in (bits @ (1 << np.arange(_CODE_BITS)[::-1])).tolist():
        if code > _LAST_CODE:
            break
        if code > len(table) or (code == len(table) and not previous):
            raise InputError("compressed lead is damaged", field="LZW code", found=code)
        piece = table[code] if code < len(table) else previous + previous[:1]
        if previous and len(table) <= _LAST_CODE:
            table.append(previous + piece[:1])
        pieces.append(piece)
        previous = piece
    return b"".join(pieces)


def _integrated(differences: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    """Return the samples: two as they are, then each two times the last less the one before less a difference.

    The first such difference stands in the header, and every following one is stored one place late, 64 higher.
    """
    if len(differences) < 3:
        return differences
    steps = np.concatenate([[last], differences[2:-1] - _DIFFERENCE_BIAS])
    first, second = differences[:2]
    slopes = (second - first) - np.cumsum(steps)
    samples: NDArray[np.int64] = np.concatenate([[first, second], second + np.cumsum(slopes)])
    wrapped: NDArray[np.int16] = samples.astype(np.int16)  # the recorder's arithmetic has 16 bits
    return wrapped.astype(np.int64)


def _with_explained_part(stored: NDArray[np.int64]) -> NDArray[np.float64]:
    """Add what I and II say of the four other limb leads, halves rounded down as the recorder does."""
    samples, (i, ii) = stored.copy(), stored[:2]
    samples[2] = iii = ii - i - stored[2]
    samples[3:6] = np.stack([-((i + ii) // 2), (i - iii) // 2, (ii + iii) // 2]) - stored[3:6]
    return samples.astype(np.float64)
