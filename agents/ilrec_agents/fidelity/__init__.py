"""How faithful a simulation is: held-out ratings, what sessions look like, and the ladder of rules that it keeps."""

from ilrec_agents.fidelity.report import Fidelity, fidelity

__all__ = ["Fidelity", "fidelity"]
