"""Back-ends: each one file that provides what backend.py asks for. Adding one is a file and a line here."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from ilrec_agents.llm.backend import Backend
from ilrec_gym.errors import UsageError, require, unknown_argument, unknown_name

BACKENDS: dict[str, str] = {
    "transformers": "ilrec_agents.llm.backends.transformers_backend:TransformersBackend",
    "server": "ilrec_agents.llm.backends.server:ServerBackend",
    "scripted": "ilrec_agents.llm.backends.scripted:ScriptedBackend",
}
"""Name -> "module:class"."""

WRITING = ("server", "scripted")
"""Those of models that only write: what they cannot do is refused before anything is loaded."""

DTYPES = ("auto", "float32", "bfloat16", "float16")
"""Number formats of models that run here."""

_NEEDS = {"transformers": "transformers"}  # what of the extra "llm" a back-end imports
_SHARED = ("model", "dtype", "trust_remote_code")  # settings of agents that a back-end may take


def make_backend(config: Any, device: str = "auto") -> Backend:
    """The back-end that an agent's settings ask for.

    Args:
        config: Settings with ``model`` and, where there are any, ``backend`` (a name of :data:`BACKENDS`;
            "transformers" by default), ``dtype``, ``trust_remote_code``, and ``backend_options``: a mapping of further
            arguments of the back-end's class.
        device: Where the model runs, for back-ends that run one themselves.

    Raises:
        UnknownNameError: No such back-end.
        UnknownArgumentError: An option that the back-end does not have.
        MissingExtraError: The back-end's libraries are not installed.
    """
    name = getattr(config, "backend", "transformers")
    options = getattr(config, "backend_options", None) or {}
    if name not in BACKENDS:
        raise unknown_name("back-end", name, BACKENDS)
    if not isinstance(options, Mapping):
        raise UsageError("backend_options must be a mapping of names to values", received=options)
    if name in _NEEDS:
        require(_NEEDS[name], "llm")
    module, _, cls = BACKENDS[name].partition(":")
    made = getattr(importlib.import_module(module), cls)
    known = inspect.signature(made).parameters
    for option in options:
        if option not in known:
            raise unknown_argument(str(option), known)
    shared = {key: getattr(config, key) for key in _SHARED if key in known and hasattr(config, key)}
    placed = {"device": device} if "device" in known else {}
    backend: Backend = made(**(shared | placed | dict(options)))
    return backend
