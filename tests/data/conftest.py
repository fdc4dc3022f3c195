"""Small archives in the three original forms, an empty cache for every test, and a full disk."""

from __future__ import annotations

import os
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from ilrec_gym.data import InteractionData, Interactions, Items, Users, load_dataset
from ilrec_gym.errors import ILRecError

GIVEN = os.environ.get("ILREC_DATA")

ARCHIVES: dict[str, dict[str, bytes]] = {
    "ml-1m": {
        "ratings.dat": b"1::20::3::100\n1::10::5::100\n2::10::4::50\n1::30::1::90\n",
        "movies.dat": (
            "10::Matrix, The (1999)::Action|Sci-Fi\n20::Misérables, Les (1995)::Drama\n30::Heat (1995)::Action\n"
        ).encode("latin-1"),
        "users.dat": b"1::F::1::10::48067\n2::M::56::16::70072-1234\n",
        "README": b"terms",
    },
    "ml-100k": {
        "u.data": b"196\t1\t3\t881250949\n22\t2\t5\t878887116\n196\t2\t4\t881250948\n",
        "u.item": (
            "1|Piano, The (1993)|01-Jan-1993||http://x|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
            "2|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
            "3|Café au lait (1993)|01-Jan-1993||http://y|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|1\n"
        ).encode("latin-1"),
        "u.user": b"22|25|M|writer|40206\n196|49|F|writer|T8H1N\n",
    },
    "ml-latest-small": {
        "ratings.csv": b"userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,3,0.5,964981247\n7,1,5.0,964982224\n",
        "movies.csv": (
            "movieId,title,genres\n"
            "1,Toy Story (1995),Adventure|Animation\n"
            '3,"City of Lost Children, The (Cité des enfants perdus, La) (1995)",Drama\n'
            "9,Paterson,(no genres listed)\n"
        ).encode(),
        "README.txt": b"the terms",
    },
}


class Archives:
    """Writes the small archives, with changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def zip(self, name: str, *, inside: str = "", to: Path | None = None, **changes: bytes | None) -> Path:
        """A zip; ``changes`` gives other contents by file name with _ for dots, None leaves the file out."""
        target = to or self.folder / f"{name}.zip"
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, content in _changed(name, changes).items():
                archive.writestr(f"{inside or name}/{file}", content)
        return target

    def unpacked(self, name: str, *, inside: str = "", **changes: bytes | None) -> Path:
        """A folder; otherwise like ``zip``."""
        place = self.folder / (inside or name)
        place.mkdir(parents=True)
        for file, content in _changed(name, changes).items():
            (place / file).write_bytes(content)
        return self.folder / (inside or name).split("/")[0]


def _changed(name: str, changes: dict[str, bytes | None]) -> dict[str, bytes]:
    files: dict[str, bytes | None] = dict(ARCHIVES[name])
    for file, content in changes.items():
        known = next(key for key in files if key.replace(".", "_") == file)
        files[known] = content
    return {file: content for file, content in files.items() if content is not None}


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or leaves anything in the user's cache, or sees the user's data by accident."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("ILREC_CACHE", str(cache))
    monkeypatch.delenv("ILREC_DATA", raising=False)
    return cache


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    return Archives(tmp_path / "archives")


@pytest.fixture(scope="session")
def ml_data_dir() -> Path:
    """The folder with the original archives; for tests marked ``ml1m``."""
    if not GIVEN:
        pytest.skip("set ILREC_DATA to a folder that holds the original archives")
    return Path(GIVEN)


@pytest.fixture(scope="session")
def ml_1m(ml_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> InteractionData:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ILREC_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load_dataset("ml-1m", ml_data_dir)


@pytest.fixture(scope="session")
def bundled() -> InteractionData:
    return load_dataset("ml-latest-small")


@pytest.fixture(scope="session")
def make_data() -> Callable[..., InteractionData]:
    """Data out of (user index, item index, rating, time) rows, which are sorted first."""

    def make(rows: list[tuple[int, int, float, int]], n_users: int = 0, n_items: int = 0) -> InteractionData:
        rows = sorted(rows, key=lambda row: (row[0], row[3]))
        user, item, rating, time = (list(column) for column in zip(*rows, strict=True))
        n_users, n_items = n_users or max(user) + 1, n_items or max(item) + 1
        return InteractionData(
            name="made",
            interactions=Interactions(
                user=np.array(user, dtype=np.int32),
                item=np.array(item, dtype=np.int32),
                rating=np.array(rating, dtype=np.float64),
                timestamp=np.array(time, dtype=np.int64),
            ),
            items=Items(
                id=np.arange(n_items) * 10 + 10,
                title=tuple(f"Film {i} (2000)" for i in range(n_items)),
                year=np.full(n_items, 2000, dtype=np.int16),
                genres=np.arange(n_items)[:, None] % 2 == [0, 1],
                genre_names=("Comedy", "Drama"),
            ),
            users=Users(id=np.arange(n_users) + 100, features={"age": np.arange(n_users)}),
            rating_scale=(1, 5),
        )

    return make


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """Within the context no file can grow beyond so many bytes; writing more fails like on a full disk."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def says() -> Callable[..., None]:
    """Checks that an error names rule, value and what to do, with these words in it."""

    def check(error: ILRecError, *words: str) -> None:
        assert error.rule and error.received is not None and error.fix, str(error)
        for word in words:
            assert word in str(error), f"{word!r} is not in: {error}"

    return check
