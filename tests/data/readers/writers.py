"""Writers of every format that is read, from (12, time) in mV in canonical order; they share no code with readers."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyedflib
import scipy.io
import wfdb
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage, generate_uid

from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS

EIGHT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
SCP_NUMBERS = (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8)


def microvolts(signal_mv: np.ndarray) -> np.ndarray:
    return np.rint(signal_mv * 1000).astype(np.int64)


def write_wfdb_record(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    wfdb.wrsamp(
        path.stem, rate_hz, ["mV"] * 12, list(LEADS), signal_mv.T, fmt=["16"] * 12, adc_gain=[1000.0] * 12,
        baseline=[0] * 12, write_dir=str(path.parent),
    )  # fmt: skip


def _write_edf_like(path: Path, signal_mv: np.ndarray, rate_hz: float, kind: int, largest: int) -> None:
    header = {
        "dimension": "uV", "sample_frequency": rate_hz, "prefilter": "", "transducer": "",
        "physical_min": -5000.0, "physical_max": 5000.0, "digital_min": -largest - 1, "digital_max": largest,
    }  # fmt: skip
    with pyedflib.EdfWriter(str(path), 12, file_type=kind) as file:
        file.setSignalHeaders([{**header, "label": f"ECG {lead}"} for lead in LEADS])
        file.writeSamples(list(np.ascontiguousarray(signal_mv * 1000)))


def write_edf(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    _write_edf_like(path, signal_mv, rate_hz, pyedflib.FILETYPE_EDFPLUS, 32767)


def write_bdf(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    _write_edf_like(path, signal_mv, rate_hz, pyedflib.FILETYPE_BDFPLUS, (1 << 23) - 1)


def _coded(value: str, scheme: str, meaning: str) -> list[Dataset]:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return [code]


def write_dicom(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    group = Dataset()
    group.WaveformOriginality, group.MultiplexGroupLabel, group.SamplingFrequency = "ORIGINAL", "RHYTHM", rate_hz
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = signal_mv.shape
    channels = []
    for lead, number in zip(LEADS, SCP_NUMBERS, strict=True):
        channel = Dataset()
        by_code = number % 2 == 0
        channel.ChannelSourceSequence = _coded(f"2:{number}" if by_code else "X", "MDC", f"Lead {lead} (Einthoven)")
        channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor = "0.5", "2"
        channel.ChannelSensitivityUnitsSequence = _coded("uV", "UCUM", "microvolt")
        channel.ChannelBaseline, channel.WaveformBitsStored = "0", 16
        channels.append(channel)
    group.ChannelDefinitionSequence = channels
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.WaveformData = microvolts(signal_mv).T.astype("<i2").tobytes()
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = TwelveLeadECGWaveformStorage, generate_uid(entropy_srcs=["test"])
    dataset.Modality, dataset.WaveformSequence = "ECG", [group]
    dataset.save_as(path, enforce_file_format=True)


def write_aecg(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    leads = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}"/><value xsi:type="SLIST_PQ">'
        f'<origin value="1" unit="mV"/><scale value="0.5" unit="uV"/>'
        f"<digits>{' '.join(str(2 * (value - 1000)) for value in row)}</digits></value></sequence></component>"
        for lead, row in zip(LEADS, microvolts(signal_mv), strict=True)
    )
    path.write_text(
        '<?xml version="1.0"?><AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<component><series><code code="RHYTHM"/><component><sequenceSet><component><sequence>'
        '<code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS"><head value="2020"/>'
        f'<increment value="{1000 / rate_hz}" unit="ms"/></value></sequence></component>'
        f"{leads}</sequenceSet></component>"
        "</series></component></AnnotatedECG>"
    )


def write_muse(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    def lead(name: str, values: np.ndarray) -> str:
        data = base64.encodebytes(values.astype("<i2").tobytes()).decode()
        return (
            f"<LeadData><LeadAmplitudeUnitsPerBit>2</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS"
            f"</LeadAmplitudeUnits><LeadID>{name}</LeadID><WaveFormData>{data}</WaveFormData></LeadData>"
        )

    even = microvolts(signal_mv)[EIGHT] // 2
    leads = "".join(lead(name, row) for name, row in zip(INDEPENDENT_LEADS, even, strict=True))
    path.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE RestingECG SYSTEM "restecg.dtd"><RestingECG>'
        "<Waveform><WaveformType>Median</WaveformType></Waveform><Waveform><WaveformType>Rhythm</WaveformType>"
        f"<SampleBase>{rate_hz:g}</SampleBase><SampleExponent>0</SampleExponent>{leads}</Waveform></RestingECG>"
    )


def _philips(path: Path, content: bytes, n_samples: int, rate_hz: float, method: str) -> None:
    path.write_text(
        '<?xml version="1.0"?><restingecgdata xmlns="http://www3.medical.philips.com"><documentinfo>'
        "<documenttype>PhilipsECG</documenttype><documentversion>1.04</documentversion></documentinfo><dataacquisition>"
        f"<signalcharacteristics><samplingrate>{rate_hz:g}</samplingrate><resolution>1.00</resolution>"
        "<acquisitiontype>STD-12</acquisitiontype><bitspersample>16</bitspersample></signalcharacteristics>"
        f'</dataacquisition><waveforms><parsedwaveforms dataencoding="Base64" compressmethod="{method}" '
        f'durationperchannel="{1000 * n_samples / rate_hz:g}" numberofleads="12" leadlabels="{" ".join(LEADS)}">'
        f"{base64.encodebytes(content).decode()}</parsedwaveforms></waveforms></restingecgdata>"
    )


def write_philips(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    content = microvolts(signal_mv).astype("<i2").tobytes()
    _philips(path, content, signal_mv.shape[1], rate_hz, "Uncompressed")


def write_philips_xli(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    stored = microvolts(signal_mv)
    i, ii, iii = stored[:3].copy()
    stored[2] = ii - i - iii
    stored[3] = -stored[3] - (i + ii) // 2
    stored[4] = (i - iii) // 2 - stored[4]
    stored[5] = (ii + iii) // 2 - stored[5]
    _philips(path, b"".join(map(_xli_lead, stored)), signal_mv.shape[1], rate_hz, "XLI")


def _xli_lead(samples: np.ndarray) -> bytes:
    """Differences by a slow loop, high bytes before low bytes, LZW in codes of 10 bits."""
    steps = [2 * samples[n - 1] - samples[n - 2] - samples[n] for n in range(2, len(samples))]
    stored = [samples[0], samples[1], *(step + 64 for step in steps[1:]), 64]
    words = [int(value) & 0xFFFF for value in stored]
    codes = _lzw_codes(bytes(word >> 8 for word in words) + bytes(word & 255 for word in words))
    bits = "".join(f"{code:010b}" for code in [*codes, 1023])
    bits += "0" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return struct.pack("<iHh", len(packed), 0, int(steps[0])) + packed


def _lzw_codes(data: bytes) -> list[int]:
    table = {bytes([value]): value for value in range(256)}
    codes, piece = [], b""
    for value in data:
        longer = piece + bytes([value])
        if longer in table:
            piece = longer
            continue
        codes.append(table[piece])
        if len(table) <= 1022:
            table[longer] = len(table)
        piece = bytes([value])
    return [*codes, table[piece]]


def _scp_bits(value: int) -> str:
    if abs(value) <= 8:
        return "1" * abs(value) + "0" + ("" if value == 0 else "1" if value < 0 else "0")
    width, ones = (8, "1111111110") if -128 <= value < 128 else (16, "1111111111")
    return ones + f"{value & ((1 << width) - 1):0{width}b}"


def scp_bytes(signal_mv: np.ndarray, rate_hz: float, order: int = 2, huffman: bool = True) -> bytes:
    samples = microvolts(signal_mv)
    stored = np.concatenate([samples[:, :order], np.diff(samples, n=order)], axis=1) if order else samples
    if order == 2:
        stored[:, 1] = samples[:, 1]
    leads = [_scp_lead(row) if huffman else row.astype("<i2").tobytes() for row in stored]
    rhythm = struct.pack("<HHBB", 1000, round(1e6 / rate_hz), order, 0)
    rhythm += struct.pack("<12H", *map(len, leads)) + b"".join(leads)
    definition = bytes([12, 4 | 12 << 3])
    definition += b"".join(struct.pack("<IIB", 1, samples.shape[1], number) for number in SCP_NUMBERS)
    sections = {2: struct.pack("<H", 19999)} if huffman else {}
    return _scp_file({**sections, 3: definition, 6: rhythm})


def _scp_lead(row: np.ndarray) -> bytes:
    bits = "".join(map(_scp_bits, row.tolist()))
    bits += "0" * (-len(bits) % 16)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _scp_section(number: int, content: bytes) -> bytes:
    content += b"\0" * (len(content) % 2)
    mark = b"SCPECG" if number == 0 else bytes(6)
    rest = struct.pack("<HIBB6s", number, len(content) + 16, 20, 20, mark) + content
    return struct.pack("<H", binascii.crc_hqx(rest, 0xFFFF)) + rest


def _scp_file(contents: dict[int, bytes]) -> bytes:
    sections = {number: _scp_section(number, content) for number, content in contents.items()}
    position = 6 + 16 + 12 * 10 + 1
    pointers = [struct.pack("<HII", 0, 136, 7)]
    for number in range(1, 12):
        section = sections.get(number, b"")
        pointers.append(struct.pack("<HII", number, len(section), position if section else 0))
        position += len(section)
    body = _scp_section(0, b"".join(pointers)) + b"".join(sections.values())
    sized = struct.pack("<I", len(body) + 6) + body
    return struct.pack("<H", binascii.crc_hqx(sized, 0xFFFF)) + sized


def write_scp(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    path.write_bytes(scp_bytes(signal_mv, rate_hz))


def write_matlab(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    names = np.array(LEADS, dtype=object)
    scipy.io.savemat(
        path, {"ecg": microvolts(signal_mv), "Fs": rate_hz, "units": "uV", "leads": names}, do_compression=True
    )


def write_matlab_4(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    scipy.io.savemat(path, {"val": signal_mv, "fs": rate_hz}, format="4")


def write_matlab_73(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        file["ecg"], file["fs"] = signal_mv.T, [[rate_hz]]
        file["unit"] = np.array([[ord(letter)] for letter in "mV"], dtype=np.uint16)
        file["unit"].attrs["MATLAB_class"] = np.bytes_("char")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124))


def write_hdf5(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("recordings/ecg", data=microvolts(signal_mv), compression="gzip")
        dataset.attrs["sampling_rate"], dataset.attrs["units"] = rate_hz, "uV"
        dataset.attrs["leads"] = list(LEADS)


def write_npz(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, signal=signal_mv.T, sampling_rate_hz=rate_hz, leads=np.array(LEADS), unit="mV")


def write_npy(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    with path.open("wb") as file:
        np.save(file, signal_mv)


def write_tsv(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    table = pd.DataFrame(microvolts(signal_mv).T, columns=[f"{lead} [uV]" for lead in LEADS])
    table.insert(0, "time_s", np.arange(len(table)) / rate_hz)
    table.to_csv(path, sep="\t", index=False)


def write_csv_comma(path: Path, signal_mv: np.ndarray, rate_hz: float) -> None:
    table = pd.DataFrame(signal_mv.T, columns=[f"{lead} (mV)" for lead in LEADS])
    table.insert(0, "time [ms]", np.arange(len(table)) / rate_hz * 1000)
    table.to_csv(path, sep=";", decimal=",", index=False)


WRITERS: dict[str, tuple[str, Callable[[Path, np.ndarray, float], None], float]] = {
    "wfdb": ("WFDB", write_wfdb_record, 1e-6),
    "edf": ("EDF or BDF", write_edf, 10 / 65535),
    "bdf": ("EDF or BDF", write_bdf, 1e-6),
    "dicom": ("DICOM", write_dicom, 1e-6),
    "aecg": ("HL7 aECG", write_aecg, 1e-6),
    "muse": ("GE MUSE XML", write_muse, 1e-6),
    "philips": ("Philips XML", write_philips, 1e-6),
    "xli": ("Philips XML", write_philips_xli, 1e-6),
    "scp": ("SCP-ECG", write_scp, 1e-6),
    "hdf5": ("HDF5 or MATLAB 7.3", write_hdf5, 1e-6),
    "matlab73": ("HDF5 or MATLAB 7.3", write_matlab_73, 1e-6),
    "matlab": ("MATLAB", write_matlab, 1e-6),
    "matlab4": ("MATLAB", write_matlab_4, 1e-6),
    "npy": ("NPY", write_npy, 1e-6),
    "npz": ("NPZ", write_npz, 1e-6),
    "tsv": ("CSV or TSV", write_tsv, 1e-6),
    "csv": ("CSV or TSV", write_csv_comma, 1e-6),
}
"""Name -> (its reader in ``READERS``, writer, the format's resolution as written here in mV)."""
