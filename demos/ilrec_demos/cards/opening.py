"""How a dataset is opened, for its card."""

from __future__ import annotations

_D3RLPY = """\
With `pip install 'ilrec-gym[offline]'`, the file and its `.card.json` beside each other:

```python
import ilrec_demos
from ilrec_agents.offline.dataset import read_hdf5

buffer = ilrec_demos.load("NAME")  # d3rlpy's ReplayBuffer
sessions = read_hdf5("NAME")  # with the last observations, candidates and propensities
```

Plain d3rlpy opens it too, but guesses the number of actions."""

_MINARI = """\
With `pip install 'ilrec-gym[minari]'`, and `MINARI_DATASETS_PATH` naming the folder in which `ID` lies:

```python
import minari

dataset = minari.load_dataset("ID")
env = dataset.recover_environment()
```"""

_JSONL = """\
Every library that reads tables does:

```python
import pandas

steps = pandas.read_json("steps.jsonl", lines=True)
```

From a dataset repository, `datasets.load_dataset("OWNER/NAME", "steps")`, or `"sessions"`."""


def opening(kind: str, name: str, minari_id: str) -> str:
    """The section's text.

    Args:
        kind: The card's kind.
        name: Of the file or folder.
        minari_id: The Minari dataset's id, or "".
    """
    if kind == "minari":
        return _MINARI.replace("ID", minari_id)
    return _JSONL if kind == "jsonl" else _D3RLPY.replace("NAME", name)
