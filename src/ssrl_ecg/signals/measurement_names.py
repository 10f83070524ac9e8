"""The names of all measurements, with unit, definition and source: what tables and documentation are made from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ssrl_ecg.signals.leads import INDEPENDENT_LEADS, LEADS

CSE = "CSE Working Party, Eur Heart J 1985"
AHA_I = "AHA/ACC/HRS recommendations part I, Kligfield et al., Circulation 2007"
AHA_III = "AHA/ACCF/HRS recommendations part III, Surawicz et al., Circulation 2009"
AHA_IV = "AHA/ACCF/HRS recommendations part IV, Rautaharju et al., Circulation 2009"
AHA_V = "AHA/ACCF/HRS recommendations part V, Hancock et al., Circulation 2009"
VCG = "Edenbrandt & Pahlm, J Electrocardiol 1988 (inverse Dower matrix)"

_ALL = tuple(range(len(LEADS)))
_LIMB_AXIS = (LEADS.index("I"), LEADS.index("aVF"))
_EIGHT = tuple(LEADS.index(lead) for lead in INDEPENDENT_LEADS)


@dataclass(frozen=True)
class Measurement:
    """One number of a recording.

    Attributes:
        unit: ms, mV, mV ms, mV/s, /min, degrees, % or 1 (a plain number).
        description: what it is; 0 or NaN where there is no such wave, as the text says.
        source: where the definition comes from; empty for plain ones.
        waves: of "P", "QRS", "T", those without which it is missing.
        leads: positions of the leads without which it is missing.
        beats: number of beats it needs.
        otherwise: why it is missing where all these are there.
    """

    unit: str
    description: str
    source: str = ""
    waves: tuple[str, ...] = ()
    leads: tuple[int, ...] = ()
    beats: int = 1
    otherwise: str = "not defined for this recording"


def _at(*names: str) -> tuple[int, ...]:
    return tuple(LEADS.index(name) for name in names)


_Q, _T, _P = ("QRS",), ("T",), ("P",)

RECORD: dict[str, Measurement] = {
    "beats": Measurement("1", "QRS complexes found, of any kind", beats=0),
    "heart_rate_bpm": Measurement("/min", "60,000 over the mean RR interval, all beats", AHA_I, beats=2),
    "rr_mean_ms": Measurement("ms", "mean RR interval, all beats", beats=2),
    "rr_sd_ms": Measurement("ms", "SD of the RR intervals (n - 1), all beats", beats=3),
    "rr_range_ms": Measurement("ms", "longest minus shortest RR interval", beats=3),
    "rmssd_ms": Measurement(
        "ms", "root mean square of successive RR differences", "Task Force on HRV, Circulation 1996", beats=3
    ),
    "rr_irregularity": Measurement(
        "1", "median absolute difference of successive RR intervals, over the median RR interval", beats=3
    ),
    "ectopic_percent": Measurement("%", "share of beats that are premature or of another shape"),
    "paced_percent": Measurement("%", "share of beats that follow a pacing spike"),
    "p_present_percent": Measurement("%", "share of beats with a P wave"),
    "p_ms": Measurement("ms", "P duration: earliest onset to latest offset in any lead", CSE, _P),
    "pr_ms": Measurement("ms", "P onset to QRS onset", CSE, ("P", "QRS")),
    "pr_sd_ms": Measurement("ms", "SD of the PR interval (n - 1) over the beats with a P wave", "", _P, beats=2),
    "qrs_ms": Measurement("ms", "QRS duration: earliest onset to latest offset in any lead", CSE, _Q),
    "qt_ms": Measurement("ms", "QRS onset to T offset", AHA_IV, ("QRS", "T")),
    "qtc_bazett_ms": Measurement("ms", "QT / (RR / 1 s)^(1/2)", "Bazett, Heart 1920", ("QRS", "T"), beats=2),
    "qtc_fridericia_ms": Measurement(
        "ms", "QT / (RR / 1 s)^(1/3)", "Fridericia, Acta Med Scand 1920", ("QRS", "T"), beats=2
    ),
    "qtc_framingham_ms": Measurement(
        "ms", "QT + 154 ms (1 - RR / 1 s)", "Sagie et al., Am J Cardiol 1992", ("QRS", "T"), beats=2
    ),
    "jt_ms": Measurement("ms", "QRS offset to T offset", AHA_IV, ("QRS", "T")),
    "t_peak_end_ms": Measurement("ms", "T peak to T offset", AHA_IV, _T),
    "p_axis_degrees": Measurement("degrees", "frontal axis of the P wave's area", AHA_III, _P, _LIMB_AXIS),
    "qrs_axis_degrees": Measurement(
        "degrees", "frontal axis of the QRS area: atan2(2/sqrt(3) aVF, I), 0 left, 90 down", AHA_III, _Q, _LIMB_AXIS
    ),
    "t_axis_degrees": Measurement("degrees", "frontal axis of the T wave's area", AHA_IV, _T, _LIMB_AXIS),
    "qrs_initial_axis_degrees": Measurement("degrees", "frontal axis of the first 40 ms of QRS", "", _Q, _LIMB_AXIS),
    "qrs_terminal_axis_degrees": Measurement("degrees", "frontal axis of the last 40 ms of QRS", "", _Q, _LIMB_AXIS),
    "qrs_t_frontal_degrees": Measurement(
        "degrees", "angle between the frontal axes of QRS and T, 0 to 180", AHA_IV, ("QRS", "T"), _LIMB_AXIS
    ),
    "qrs_t_spatial_degrees": Measurement(
        "degrees", "angle in space between the areas of QRS and T, 0 to 180", VCG, ("QRS", "T"), _EIGHT
    ),
    "qrs_t_peaks_degrees": Measurement(
        "degrees", "angle in space between the longest vectors of QRS and T", VCG, ("QRS", "T"), _EIGHT
    ),
    "qrs_vector_mv": Measurement("mV", "length of the longest QRS vector", VCG, _Q, _EIGHT),
    "t_vector_mv": Measurement("mV", "length of the longest T vector", VCG, _T, _EIGHT),
    "ventricular_gradient_mv_ms": Measurement(
        "mV ms", "length of the summed areas of QRS and T", "Wilson et al., Am Heart J 1934", ("QRS", "T"), _EIGHT
    ),
    "qrs_azimuth_degrees": Measurement("degrees", "QRS area seen from above: 0 left, 90 back", VCG, _Q, _EIGHT),
    "t_azimuth_degrees": Measurement("degrees", "T area seen from above: 0 left, 90 back", VCG, _T, _EIGHT),
    "gradient_azimuth_degrees": Measurement(
        "degrees", "ventricular gradient seen from above: 0 left, 90 back", VCG, ("QRS", "T"), _EIGHT
    ),
    "qrs_complexity": Measurement("1", "share of the QRS energy outside two principal components", "", _Q, _EIGHT),
    "t_complexity": Measurement(
        "1",
        "share of the T energy outside two principal components",
        "after Priori et al., Circulation 1997",
        _T,
        _EIGHT,
    ),
    "sokolow_lyon_mv": Measurement(
        "mV", "S in V1 + the higher R of V5 and V6", "Sokolow & Lyon, Am Heart J 1949", _Q, _at("V1", "V5", "V6")
    ),
    "sokolow_product_mv_ms": Measurement(
        "mV ms", "Sokolow-Lyon voltage x QRS duration", "Molloy et al., JACC 1992", _Q, _at("V1", "V5", "V6")
    ),
    "cornell_mv": Measurement("mV", "R in aVL + S in V3", "Casale et al., Circulation 1987", _Q, _at("aVL", "V3")),
    "cornell_product_mv_ms": Measurement(
        "mV ms",
        "Cornell voltage x QRS duration, no addition for women",
        "Molloy et al., JACC 1992",
        _Q,
        _at("aVL", "V3"),
    ),
    "gubner_mv": Measurement(
        "mV", "R in I + S in III", "Gubner & Ungerleider, Arch Intern Med 1943", _Q, _at("I", "III")
    ),
    "lewis_mv": Measurement(
        "mV", "(R in I + S in III) - (S in I + R in III)", "Lewis, Heart 1914", _Q, _at("I", "III")
    ),
    "peguero_mv": Measurement("mV", "deepest S of all leads + S in V4", "Peguero et al., JACC 2017", _Q, _ALL),
    "romhilt_limb_mv": Measurement(
        "mV", "largest R or S of the limb leads", "Romhilt & Estes, Am Heart J 1968", _Q, _ALL[:6]
    ),
    "total_voltage_mv": Measurement(
        "mV", "sum over the leads of highest minus lowest QRS voltage", "Siegel & Roberts, Am Heart J 1982", _Q, _ALL
    ),
    "right_sokolow_mv": Measurement(
        "mV", "R in V1 + the deeper S of V5 and V6", "Sokolow & Lyon, Am Heart J 1949", _Q, _at("V1", "V5", "V6")
    ),
    "limb_span_mv": Measurement("mV", "largest QRS span of the limb leads (low voltage: < 0.5)", AHA_V, _Q, _ALL[:6]),
    "chest_span_mv": Measurement("mV", "largest QRS span of V1-V6 (low voltage: < 1.0)", AHA_V, _Q, _ALL[6:]),
    "transition_zone": Measurement(
        "1", "chest lead where R overtakes S, interpolated: 1 already in V1, 6 not before V6", "", _Q, _ALL[6:]
    ),
    "qrs_fragmentation": Measurement(
        "1", "mean over the leads of qrs_path", "after Das et al., Circulation 2006", _Q, _ALL
    ),
    "st_deviation_mv": Measurement("mV", "largest deviation from 0 of ST at J + 60 ms in any lead", "", _Q, _ALL),
    "noise_mv": Measurement("mV", "SD of the beats about the representative beat, worst usable lead", beats=2),
}
"""Measurements of the whole recording."""

PER_LEAD: dict[str, Measurement] = {
    "p_mv": Measurement("mV", "P amplitude, signed, from the line between P onset and offset", CSE, _P, _ALL),
    "p_terminal_mv_ms": Measurement(
        "mV ms",
        "P terminal force: depth times duration of what is negative in the second half of the P wave",
        "Morris et al., Circulation 1964",
        _P,
        _at("V1", "V2"),
    ),
    "q_mv": Measurement("mV", "depth of Q or QS, 0 without", CSE, _Q, _ALL),
    "q_ms": Measurement("ms", "duration of Q or QS, 0 without", CSE, _Q, _ALL),
    "r_mv": Measurement("mV", "height of the highest R or R', 0 without", CSE, _Q, _ALL),
    "s_mv": Measurement("mV", "depth of S or QS, 0 without", CSE, _Q, _ALL),
    "s_ms": Measurement("ms", "duration of S or QS, 0 without", CSE, _Q, _at("I", "V1", "V5", "V6")),
    "r_prime_mv": Measurement("mV", "height of R', 0 without", CSE, _Q, _at("V1", "V2", "V5", "V6")),
    "r_peak_ms": Measurement(
        "ms",
        "R peak time (intrinsicoid deflection): QRS onset to the peak of the last R",
        AHA_III,
        _Q,
        _at("aVL", "V1", "V5", "V6"),
        otherwise="no R wave",
    ),
    "r_share": Measurement(
        "1", "R / (R + larger of Q and S): 0 for QS, 1 for a pure R", "", _Q, _ALL, otherwise="no QRS wave of 20 uV"
    ),
    "qrs_path": Measurement(
        "1",
        "length of the QRS trace up and down, over twice its span: 1 for one smooth wave or a pair, more when notched",
        "",
        _Q,
        _ALL,
    ),
    "qrs_area_mv_ms": Measurement("mV ms", "net area of QRS", CSE, _Q, _ALL),
    "qrs_initial_mv": Measurement("mV", "mean voltage of the first 40 ms of QRS", "", _Q, _ALL),
    "qrs_terminal_mv": Measurement("mV", "mean voltage of the last 40 ms of QRS", "", _Q, _ALL),
    "st_j_mv": Measurement("mV", "ST level at the J point", AHA_IV, _Q, _ALL),
    "st_j60_mv": Measurement("mV", "ST level at J + 60 ms", AHA_IV, _Q, _ALL),
    "st_j80_mv": Measurement("mV", "ST level at J + 80 ms", AHA_IV, _Q, _ALL),
    "st_slope_mv_per_s": Measurement("mV/s", "ST slope from J to J + 80 ms", AHA_IV, _Q, _ALL),
    "t_mv": Measurement("mV", "T amplitude, signed: its sign is the T wave's polarity", AHA_IV, _T, _ALL),
    "t_negative_mv": Measurement("mV", "depth of the T wave's negative part, 0 without", AHA_IV, _T, _ALL),
    "t_area_mv_ms": Measurement("mV ms", "net area of T", CSE, _T, _ALL),
}
"""Measurements of single leads; their full names end in the lead, and ``leads`` says which leads have them."""

MEASUREMENTS: dict[str, Measurement] = RECORD | {
    f"{name}_{LEADS[lead]}": replace(one, description=f"{one.description}; lead {LEADS[lead]}", leads=(lead,))
    for name, one in PER_LEAD.items()
    for lead in one.leads
}
"""Every measurement, in the order of every table: name -> what it is."""
