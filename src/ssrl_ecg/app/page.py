"""The web page: what a visitor sees and does; what it shows is drawn and worded by ``evaluation.recording_page``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from ssrl_ecg.app.desk import Desk
from ssrl_ecg.app.examples import EXAMPLES
from ssrl_ecg.data.recording import UNITS, FileReader
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation import recording_page as pieces
from ssrl_ecg.evaluation.recording_analysis import RecordingAnalysis
from ssrl_ecg.signals.leads import LEADS

_INTRODUCTION = """
# What a classifier says of an ECG, and why
**Research use. Not a medical device.** Files are removed as soon as they are read, and nothing leaves the machine that
serves this page.
"""
_UNTOLD, _ALONE = "as the file says", "nothing"
_MAX_WAITING = 32
"""Visitors whose requests wait or are worked on at once."""

_OUR_MISTAKE = "this page failed on the recording, which is a mistake of the page: its log says more"
_LOG = logging.getLogger(__name__)

Shown = dict[Any, Any]
"""What is to be shown anew: component -> value or update."""


class Page:
    """The page and its components, connected with a desk.

    Args:
        desk: answers.

    Attributes:
        blocks: the page, ready to be mounted.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        with gr.Blocks(analytics_enabled=False, title="ssrl_ecg") as self.blocks:
            gr.Markdown(_INTRODUCTION)
            self._token = gr.State("")
            with gr.Row():
                with gr.Column(scale=1, min_width=280):
                    self._lay_out_choices()
                with gr.Column(scale=3, min_width=320):
                    self._lay_out_results()
            self._connect()
        self.blocks.queue(api_open=False, default_concurrency_limit=_MAX_WAITING, max_size=_MAX_WAITING)

    def _lay_out_choices(self) -> None:
        limits = self._desk.limits
        self._files = gr.File(label="Recording", file_count="multiple", height=160, elem_id="files")
        gr.HTML(
            '<p class="hint">WFDB (header and signal file together), EDF, DICOM, SCP, XML, MATLAB, HDF5, NumPy, CSV; '
            f"at most {limits.max_upload_mb:g} MB, and the first {limits.longest_s:g} s are used.</p>"
        )
        with gr.Accordion("Rate, unit or leads not in the file?", open=False):
            self._rate_hz = gr.Number(value=None, label="Sampling rate in Hz", minimum=0)
            self._unit = gr.Dropdown([_UNTOLD, *UNITS], value=_UNTOLD, label="Unit")
            self._leads = gr.Textbox(label="Leads in their order", placeholder=" ".join(LEADS))
        self._example = gr.Dropdown(list(EXAMPLES), value=None, label="or a simulated example", elem_id="example")
        others = list(self._desk.predictors)[1:]
        self._compared = gr.Dropdown(
            [_ALONE, *others], value=_ALONE, label="Compare with", visible=bool(others), elem_id="compared"
        )

    def _lay_out_results(self) -> None:
        self._status = gr.HTML('<p class="hint">Open a recording to begin.</p>', elem_id="status")
        self._answers, self._waves = gr.HTML(elem_id="answers"), gr.HTML(elem_id="waves")
        classes = list(self._desk.first.checkpoint.classes)
        self._class = gr.Dropdown(classes, label="What mattered for", visible=False, elem_id="class")
        self._explanation, self._neighbours = gr.HTML(elem_id="explanation"), gr.HTML(elem_id="neighbours")

    def _connect(self) -> None:
        results = [self._token, self._files, self._example, self._status, self._answers, self._waves]
        results += [self._class, self._explanation, self._neighbours]
        told = [self._rate_hz, self._unit, self._leads, self._compared]
        how: dict[str, Any] = {
            "show_progress": "minimal",
            "show_progress_on": self._status,
            "api_visibility": "private",
        }
        # Not preprocessed: Gradio would look for the uploads on disk, where they never are.
        self._files.upload(self._open_upload, [self._files, *told], results, preprocess=False, **how)
        self._example.input(self._open_example, [self._example, self._compared], results, **how)
        self._compared.input(self._compare, [self._token, self._compared], results, **how)
        self._class.input(self._explain, [self._token, self._class], [self._status, self._explanation], **how)

    def upload_path(self, token: str, name: str) -> str:
        """What Gradio is told of a file that waits in the inbox: a path where it wants uploads, and where none is."""
        return str(Path(self._files.GRADIO_CACHE) / token / name)

    def warm_up(self) -> None:
        """Show an example to nobody, so that the first visitor does not wait for what is loaded on first use."""
        for _ in self._open_example(next(iter(EXAMPLES)), _ALONE):
            pass

    def _open_upload(
        self, files: list[dict[str, Any]], rate_hz: float | None, unit: str, leads: str | None, compared: str
    ) -> Iterator[Shown]:
        def work() -> str:
            names = tuple((leads or "").replace(",", " ").split()) or LEADS
            reader = FileReader(rate_hz or None, None if unit == _UNTOLD else unit, names)
            return self._desk.open_upload(Path(files[0]["path"]).parent.name, reader, compared)

        yield from self._show(work, {self._example: None})

    def _open_example(self, name: str, compared: str) -> Iterator[Shown]:
        yield from self._show(lambda: self._desk.open_example(name, compared), {})

    def _compare(self, token: str, compared: str) -> Iterator[Shown]:
        if token:
            yield from self._show(lambda: self._desk.compare(token, compared), {})

    def _explain(self, token: str, class_name: str) -> Shown:
        try:
            explained = self._desk.explain(token, class_name)
        except InputError as error:
            return {self._status: _refusal(error), self._explanation: ""}
        return {self._status: _heading(token, explained), self._explanation: self._explanation_of(explained)}

    def _explanation_of(self, analysis: RecordingAnalysis) -> str:
        explanation = analysis.explanation
        return "" if explanation is None else self._desk.draw(lambda: pieces.explanation_html(analysis, explanation))

    def _show(self, work: Callable[[], str], also: Shown) -> Iterator[Shown]:
        """Show the answers as soon as they are there, then the drawing, then what mattered; or why not."""
        try:
            token = work()
            analysis = self._desk.shelf.find(token)
            yield {**also, **self._shown(token, analysis)}
            yield {self._waves: self._desk.draw(lambda: pieces.waves_html(analysis))}
            explained = self._desk.explain(token, analysis.likeliest)
            yield {self._explanation: self._explanation_of(explained)}
        except InputError as error:
            yield {**also, **self._nothing(), self._status: _refusal(error)}
        except Exception:  # our mistake: the server's log has it, the visitor is told no more than that
            _LOG.exception("a recording could not be analysed")
            yield {**also, **self._nothing(), self._status: _refusal(InputError(_OUR_MISTAKE))}

    def _shown(self, token: str, analysis: RecordingAnalysis) -> Shown:
        return {
            self._token: token,
            self._files: None,
            self._status: _heading(token, analysis),
            self._answers: pieces.answers_html(analysis),
            self._waves: "",
            self._class: gr.update(value=analysis.likeliest, visible=True),
            self._explanation: '<p class="hint">What mattered is being computed.</p>',
            self._neighbours: pieces.neighbours_html(analysis),
        }

    def _nothing(self) -> Shown:
        empty: Shown = dict.fromkeys((self._answers, self._waves, self._explanation, self._neighbours), "")
        return {**empty, self._token: "", self._files: None, self._class: gr.update(visible=False)}


def _refusal(error: InputError) -> str:
    """The sentence that the command line would print, with the page's words for what it asks for."""
    said = str(error).replace("give file_rate_hz", "give it under “Rate, unit or leads not in the file?”")
    return f'<p class="refusal" role="alert">{escape(said)}</p>'


def _heading(token: str, analysis: RecordingAnalysis) -> str:
    """Name and kind of the recording, with links to its report."""
    rate_hz = analysis.recording.sampling_rate_hz
    links = " ".join(f'<a href="report/{token}.{kind}" download>{kind.upper()} report</a>' for kind in ("html", "pdf"))
    return (
        f'<p class="opened"><strong>{escape(analysis.name)}</strong> '
        f"<span>{analysis.duration_s:.4g} s at {rate_hz:g} Hz</span> {links}</p>"
    )
