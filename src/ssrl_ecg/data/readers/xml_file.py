"""XML without what makes XML dangerous: nothing is fetched, no entity is expanded, nothing large is parsed."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ssrl_ecg.data.readers.waveform import MAX_TEXT_BYTES, check_size, needed
from ssrl_ecg.errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")


def root_name(head: bytes) -> str | None:
    """Return the local name of the root element of a file that begins with these bytes; None if it is no XML."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = head.decode(encoding, errors="replace").lstrip()
    match = _ROOT.search(text) if text.startswith("<") else None
    return match[1] if match else None


def parse_xml(path: Path) -> Element:
    """Return the root of an XML file.

    A document type may be named, as GE's files do; its definition is not fetched, and one that declares entities is
    refused.

    Raises:
        InputError: the file is too large, no well-formed XML, or declares entities; or defusedxml is not installed.
    """
    tree = needed("defusedxml.ElementTree", "XML")
    check_size(path, MAX_TEXT_BYTES)
    try:
        root: Element = tree.parse(path).getroot()
    except (SyntaxError, ValueError, LookupError) as error:  # ill-formed; forbidden; an unknown encoding
        raise InputError(f"XML cannot be read: {type(error).__name__}: {error}") from error
    return root


def find(element: Element, steps: str) -> Element:
    """Return a descendant by local names such as ``series/code``.

    Raises:
        InputError: there is none.
    """
    found = element.find(any_namespace(steps))
    if found is None:
        raise InputError("XML lacks an element", field=steps)
    return found


def any_namespace(steps: str) -> str:
    """Return a path of local names as ElementTree takes it, for elements in any namespace or none."""
    return "/".join(f"{{*}}{step}" for step in steps.split("/"))


def text_of(element: Element, steps: str) -> str:
    """Return the text of a descendant without blanks around it; it must be there, but may be empty."""
    return (find(element, steps).text or "").strip()


def number(text: str | None, field: str) -> float:
    """Parse a number.

    Raises:
        InputError: it is missing or none.
    """
    try:
        return float(text or "")
    except ValueError:
        raise InputError("not a number", field=field, found=repr((text or "")[:40])) from None


def decoded(text: str | None, field: str) -> bytes:
    """Decode Base64.

    Raises:
        InputError: it is none.
    """
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"Base64 cannot be decoded: {error}", field=field) from error
