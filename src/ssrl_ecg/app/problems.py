"""Errors as problem details (RFC 9457): the one sentence that the command line would print, as JSON."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ssrl_ecg.errors import InputError

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


DESCRIBED: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
    for status in (400, 408, 413, 415, 422, 500, 503)
}
"""The service's refusals as OpenAPI describes responses."""


class ProblemError(Exception):
    """Ends a request with a problem.

    Args:
        status: HTTP status.
        detail: one sentence.
        headers: of the response.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.detail, self.headers = status, detail, headers
        super().__init__(detail)


def respond_with_problems(app: FastAPI) -> None:
    """Let every error of the service end in problem details; what is nobody's mistake but ours tells nothing more."""

    @app.exception_handler(ProblemError)
    async def _refused(_: Request, error: ProblemError) -> JSONResponse:
        return _response(error.status, error.detail, error.headers)

    @app.exception_handler(InputError)
    async def _unusable(_: Request, error: InputError) -> JSONResponse:
        return _response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    @app.exception_handler(RequestValidationError)
    async def _query(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return _response(HTTPStatus.UNPROCESSABLE_ENTITY, f"{first['msg']} (field {where})")

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return _response(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def _ours(_: Request, __: Exception) -> JSONResponse:
        return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log says why")


def _response(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(problem.model_dump(), status, headers, MEDIA_TYPE)
