"""The web page as a site: the page, its reports, and what keeps both to themselves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import gradio as gr
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ssrl_ecg.app.desk import Desk
from ssrl_ecg.app.page import Page
from ssrl_ecg.app.uploads import Upload, receive
from ssrl_ecg.errors import InputError
from ssrl_ecg.evaluation.pages import style_sheet
from ssrl_ecg.evaluation.recording_analysis import RecordingAnalysis
from ssrl_ecg.evaluation.recording_page import report_html
from ssrl_ecg.evaluation.recording_pdf import report_pdf

_STYLE = Path(__file__).with_name("page.css")
_FONT, _MONO = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:; frame-ancestors 'none'"
)
"""Content security policy: a browser loads nothing from elsewhere, whatever a page asks for."""
_HEADERS = ((b"content-security-policy", _POLICY.encode()), (b"referrer-policy", b"no-referrer"))
SWEEP_S = 60.0
"""What visitors may not ask for any more is let go within this time."""
_MEDIA_TYPES = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}


def create_site(desk: Desk, *, hosts: tuple[str, ...] | None = None) -> FastAPI:
    """Build the site of a desk: the page at ``/``, reports at ``/report/NAME.html`` and ``.pdf``.

    Args:
        desk: answers.
        hosts: names under which the site may be asked: a foreign web page whose name leads to its reader's machine
            would ask under its own. None for any.
    """
    page = Page(desk)
    site = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan(desk, page))
    site.add_middleware(_Policy)
    if hosts:
        site.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    _add_uploads(site, desk, page)
    _add_reports(site, desk)
    mounted: FastAPI = gr.mount_gradio_app(
        site,
        page.blocks,
        path="/",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        pwa=False,
        ssr_mode=False,
        mcp_server=False,
        show_error=False,
        theme=gr.themes.Default(primary_hue="blue", font=_FONT, font_mono=_MONO),
        css=style_sheet("recording.css") + _STYLE.read_text(encoding="utf-8"),
    )
    page.blocks.has_launched = True  # Gradio checks only then that a visitor names no other file of this machine
    return mounted


def _lifespan(desk: Desk, page: Page) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            desk.sweep()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(page.warm_up)
        sweeping = asyncio.create_task(sweep())
        yield
        sweeping.cancel()
        desk.close()

    return lifespan


def _add_uploads(site: FastAPI, desk: Desk, page: Page) -> None:
    """Take uploads in place of Gradio, which keeps them on disk, unbounded, under a name made of their content."""

    @site.post("/gradio_api/upload")
    async def upload(request: Request) -> Response:
        files: list[Upload] | InputError
        try:
            files = await asyncio.wait_for(receive(request, desk.limits.max_upload_mb), desk.limits.timeout_s)
        except InputError as error:
            files = error  # said on the page, when it asks for the recording
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("the upload did not arrive in time", status_code=408)
        names = ["refused"] if isinstance(files, InputError) else [file.name for file in files]
        token = desk.inbox.keep(files)
        return JSONResponse([page.upload_path(token, name) for name in names])

    @site.get("/gradio_api/upload_progress")
    def no_progress() -> Response:
        return Response('data: {"msg": "done"}\n\n', media_type="text/event-stream")

    @site.post("/gradio_api/process_recording")
    def no_screen_recordings() -> Response:
        return PlainTextResponse("not here", status_code=404)


def _add_reports(site: FastAPI, desk: Desk) -> None:
    @site.get("/report/{token}.{kind}")
    def report(token: str, kind: Literal["html", "pdf"]) -> Response:
        """Make a report; it is never written to disk."""
        try:
            analysis = desk.shelf.find(token)
        except InputError as error:
            return PlainTextResponse(str(error), status_code=404)
        facts = {
            "made": datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"),
            "answers by": ", ".join(analysis.predictions),
        }
        make = report_pdf if kind == "pdf" else _encoded_html
        content = desk.draw(lambda: make(analysis, facts))
        name = re.sub(r"[^A-Za-z0-9]+", "-", analysis.name).strip("-") or "recording"
        headers = {
            "Content-Disposition": f'attachment; filename="ecg-report-{name}.{kind}"',
            "Cache-Control": "no-store",
        }
        return Response(content, media_type=_MEDIA_TYPES[kind], headers=headers)


def _encoded_html(analysis: RecordingAnalysis, facts: Mapping[str, str]) -> bytes:
    return report_html(analysis, facts).encode()


class _Policy:
    """Sends the security policy with every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, with_policy)
