"""Models as the Hugging Face Hub keeps them: a folder of config.json, model.safetensors and a model card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ssrl_ecg import __version__
from ssrl_ecg.data.atomic_folder import replacing_folder
from ssrl_ecg.deployment.model_card import model_card
from ssrl_ecg.deployment.reliability_sections import reliability_sections
from ssrl_ecg.errors import InputError
from ssrl_ecg.extras import extra_package
from ssrl_ecg.files import write_json
from ssrl_ecg.training.checkpoint import (
    ClassifierCheckpoint,
    EncoderCheckpoint,
    load_checkpoint,
    read_header,
    save_checkpoint,
)

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
_HUB_NAME = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_FILE_ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt")


def save_pretrained(
    checkpoint: EncoderCheckpoint | ClassifierCheckpoint,
    folder: str | Path,
    *,
    license_name: str,
    sections: Mapping[str, str] | None = None,
) -> Path:
    """Write a model as a folder in the Hub's layout.

    ``model.safetensors`` is a checkpoint like any other, its header included; ``config.json`` repeats that header for
    those who read JSON only, and ``README.md`` says it to people, with what ``ssrl-ecg calibrate`` measured.

    Args:
        checkpoint: an encoder, or a classifier.
        folder: new or empty.
        license_name: the Hub's name of the licence of the weights.
        sections: further sections of the card, heading -> Markdown; for example results on test records.

    Returns:
        The folder.

    Raises:
        InputError: the folder has something in it, or cannot be written to.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("the folder to write is not empty", file=folder)
    with replacing_folder(folder) as temporary:
        save_checkpoint(temporary / WEIGHTS, checkpoint)
        header = read_header(temporary / WEIGHTS)
        write_json(temporary / CONFIG, {"library_name": "ssrl-ecg", "library_version": __version__, **header})
        measured = reliability_sections(header.get("reliability", {}))
        card = model_card(header, license_name=license_name, sections={**measured, **(sections or {})})
        (temporary / CARD).write_text(card, encoding="utf-8")
    return folder


def from_pretrained(
    name: str | Path, *, revision: str | None = None, cache_dir: Path | None = None, offline: bool = False
) -> EncoderCheckpoint | ClassifierCheckpoint:
    """Read a model from a folder in the Hub's layout, or from the Hub.

    Args:
        name: a folder, or ORGANISATION/NAME on the Hub (HF_ENDPOINT names another server, HF_TOKEN the user's token).
        revision: branch, tag or commit on the Hub; None for its main branch.
        cache_dir: where downloads are kept; None for the Hub's own cache.
        offline: take only what is in the cache.

    Raises:
        InputError: no such model, no connection, a missing package, or a file that is no checkpoint of this toolkit.
    """
    if Path(name).is_dir():
        return load_checkpoint(Path(name) / WEIGHTS)
    return load_checkpoint(_downloaded(str(name), revision, cache_dir=cache_dir, offline=offline))


def _downloaded(name: str, revision: str | None, *, cache_dir: Path | None = None, offline: bool = False) -> Path:
    """File of the weights in the cache, downloaded if it is not there yet."""
    hub = extra_package("huggingface_hub", "hub", "models on the Hub")
    kept: dict[str, str] = {}
    with _hub_errors(name):
        for file in (CONFIG, WEIGHTS):  # the Hub counts downloads of a model by its config.json
            kept[file] = hub.hf_hub_download(
                name,
                file,
                revision=revision,
                cache_dir=cache_dir,
                local_files_only=offline,
                library_name="ssrl-ecg",
                library_version=__version__,
            )
    return Path(kept[WEIGHTS])


def push_to_hub(
    checkpoint: EncoderCheckpoint | ClassifierCheckpoint,
    name: str,
    *,
    license_name: str,
    private: bool = True,
    message: str = "Upload by ssrl-ecg",
    sections: Mapping[str, str] | None = None,
) -> str:
    """Write a model to the Hub, in one commit; the repository is made if there is none.

    Args:
        checkpoint: an encoder, or a classifier.
        name: ORGANISATION/NAME.
        license_name: the Hub's name of the licence of the weights.
        private: whether a new repository is private.
        message: of the commit.
        sections: further sections of the card, heading -> Markdown.

    Returns:
        Address of the commit.

    Raises:
        InputError: not allowed, no connection, or a missing package.
    """
    hub = extra_package("huggingface_hub", "hub", "models on the Hub")
    with TemporaryDirectory() as temporary, _hub_errors(name):
        folder = save_pretrained(checkpoint, Path(temporary) / "model", license_name=license_name, sections=sections)
        api = hub.HfApi(library_name="ssrl-ecg", library_version=__version__)
        api.create_repo(name, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=name, folder_path=folder, commit_message=message)
    address: str = commit.commit_url
    return address


def load(name: str | Path) -> EncoderCheckpoint | ClassifierCheckpoint:
    """Read a model by whatever names it: a checkpoint, a folder in the Hub's layout, or a name on the Hub.

    Args:
        name: a path, or ORGANISATION/NAME or ORGANISATION/NAME@REVISION on the Hub. What is there as a file or folder
            is taken as such.

    Returns:
        An encoder or a classifier with its preprocessing, on the CPU and in eval mode.

    Raises:
        InputError: there is no such file, and the name is none of the Hub's; or as ``from_pretrained``.
    """
    return load_checkpoint(checkpoint_file(name))


def checkpoint_file(name: str | Path) -> Path:
    """Find the file of a model by whatever names it, as ``load`` does; one on the Hub is downloaded.

    Args:
        name: see ``load``.

    Raises:
        InputError: see ``load``; the file itself is not read.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir():
        return path / WEIGHTS
    parts = _HUB_NAME.fullmatch(str(name))
    if parts is None or str(name).endswith(_FILE_ENDINGS) or path.parent.is_dir():
        raise InputError("no such checkpoint", file=path, expected="a file, a folder, or ORGANISATION/NAME on the Hub")
    return _downloaded(parts["name"], parts["revision"])


@contextmanager
def _hub_errors(name: str) -> Iterator[None]:
    """Turn what the Hub and the way to it raise into one line."""
    errors: Any = extra_package("huggingface_hub.errors", "hub", "models on the Hub")
    connection: Any = extra_package("httpx", "hub", "models on the Hub")
    try:
        yield
    except InputError:
        raise
    except errors.RepositoryNotFoundError as error:
        raise InputError("no such model on the Hub, or not for this user", file=name) from error
    except errors.RevisionNotFoundError as error:
        raise InputError("this model has no such revision", file=name, field="revision") from error
    except errors.LocalEntryNotFoundError as error:
        raise InputError("the Hub cannot be reached, and the model is not in the cache", file=name) from error
    except errors.EntryNotFoundError as error:
        raise InputError("not a model of this toolkit", file=name, expected=f"{CONFIG} and {WEIGHTS}") from error
    except (errors.HfHubHTTPError, errors.HFValidationError, connection.HTTPError, OSError) as error:
        raise InputError(f"the Hub refused: {str(error).splitlines()[0]}", file=name) from error
