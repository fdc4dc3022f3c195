"""Model folders: what must be in one, and the manifest that tells whether a cached one is whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ilrec_gym.errors import ArtefactError
from ilrec_gym.files import cache_dir, read_json, sha256, write_json

MANIFEST = "ilrec-model.json"
MODEL_FILES = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.txt", "*.model")
"""What a model needs; weights in the old pickle format are left where they are."""


def cached(name: str) -> Path:
    """Where the cache keeps a model."""
    return cache_dir() / "models" / name


def checked(folder: Path) -> Path:
    """The folder, after comparing every file with the manifest.

    Raises:
        ArtefactError: A file is missing or differs.
    """
    listed = manifest(folder).get("files", {})
    for file, facts in listed.items():
        path = folder / file
        size = path.stat().st_size if path.is_file() else None
        if size != facts["bytes"] or sha256(path) != facts["sha256"]:
            raise ArtefactError(
                f"the cached model {folder.name} must be as it was written",
                received=f"{file}: {'missing' if size is None else f'{size} bytes, another content'}",
                cause="a damaged or changed cache",
                fix=f"ilrec models pull {folder.name}",
            )
    return model_folder(folder)


def manifest(folder: Path) -> dict[str, Any]:
    """What a cached model is and where it came from; for other folders just their path.

    Raises:
        ArtefactError: The manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.exists():
        return {"name": folder.name, "source": str(folder)}
    found = read_json(path)
    if not isinstance(found, dict):
        raise ArtefactError(f"{path} must be a manifest", cause="a damaged file", fix=f"delete the folder {folder}")
    return found


def model_folder(folder: Path) -> Path:
    """The folder, if it looks like a model of transformers: config, weights, tokenizer.

    Raises:
        ArtefactError: It does not.
    """
    wanted = {
        "config.json": ("config.json",),
        "weights (*.safetensors)": ("*.safetensors",),
        "a tokenizer (tokenizer.json)": ("tokenizer.json", "tokenizer.model", "vocab.json"),
    }
    missing = [what for what, patterns in wanted.items() if not any(any(folder.glob(p)) for p in patterns)]
    if missing:
        raise ArtefactError(
            f"{folder} must be a model folder",
            received=f"without {', '.join(missing)}",
            cause="a wrong path, an unfinished download, or weights in the old pickle format",
            fix="give a folder written by save_pretrained, a .gguf file, a known name, or a hub id",
        )
    return folder


def write_manifest(folder: Path, name: str, facts: dict[str, Any]) -> None:
    """Say what a cached folder holds and where it came from."""
    files = {
        file.name: {"bytes": file.stat().st_size, "sha256": sha256(file)}
        for file in sorted(folder.iterdir())
        if file.is_file()
    }
    write_json(folder / MANIFEST, {"format": 1, "name": name, **facts, "files": files})


def link_files(source: Path, target: Path) -> None:
    """Put the model's files of one folder into a new one, without a second copy where the disk allows it."""
    target.mkdir()
    for file in sorted(source.iterdir()):
        if file.is_file() and any(file.match(pattern) for pattern in MODEL_FILES):
            real = file.resolve()
            try:
                os.link(real, target / file.name)
            except OSError:
                shutil.copyfile(real, target / file.name)
