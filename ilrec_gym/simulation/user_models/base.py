"""What every user model is: satiation, an exit rule, and their parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from ilrec_gym.simulation.state import SimulatorState
from ilrec_gym.simulation.world import World


class Scalar(NamedTuple):
    """A user model for one session in plain numbers.

    Attributes:
        begin: Starts a session of this user, as ``fresh`` does.
        show: Shows one item: the rating given and the exit code, as ``respond`` does.
    """

    begin: Callable[[int], None]
    show: Callable[[int], tuple[float, int]]


class UserModel(ABC):
    """How users rate what they are shown, and when they leave. Subclasses are frozen dataclasses of plain numbers.

    Attributes:
        exit_reasons: Why users leave, in the order of the exit codes 1, 2, ...
        max_steps: The horizon where none is asked for.
        needs_distances: Whether the world must know how far apart items are.
        leaving_step_counts: Whether the model's source counts the step that makes the user leave in Len and return.
            It is played and rated in any case, and evaluations report both.
    """

    exit_reasons: ClassVar[tuple[str, ...]]
    max_steps: ClassVar[int] = 100
    needs_distances: ClassVar[bool] = False
    leaving_step_counts: bool = True

    def check(self, world: World) -> None:  # noqa: B027 (most models need nothing special)
        """See that the world has what the model needs.

        Raises:
            UsageError: It has not.
        """

    def fresh(self, world: World, users: Any) -> dict[str, Any]:
        """What goes on in the heads of these users ``(B,)`` at the start of a session; arrays with first axis B."""
        return {}

    @abstractmethod
    def respond(self, world: World, state: SimulatorState, items: Any) -> tuple[Any, Any]:
        """One step of B users, written against the array API; ``state.hidden`` changes in place.

        Args:
            world: Where they live.
            state: Before the step, its histories included.
            items: ``(B,)`` item indices shown.

        Returns:
            The ratings ``(B,)`` float64 within the scale, and the exit codes ``(B,)`` int8: 0 stays, k leaves for
            ``exit_reasons[k - 1]``.
        """

    def scalar(self, world: World, state: SimulatorState) -> Scalar | None:
        """A fast form of :meth:`respond` for the one session of ``state``, in plain numbers; None where there is none.

        It changes ``tastes``, ``aspiration`` and ``hidden`` of the state in place as the array form does, and may keep
        views of its arrays.
        """
        return None
