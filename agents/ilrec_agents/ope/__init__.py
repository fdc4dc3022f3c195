"""Off-policy evaluation: what a policy is worth by sessions that another one played, beside what it is worth indeed."""

from ilrec_agents.ope.beside_truth import HORIZONS, study
from ilrec_agents.ope.estimators import ESTIMATORS
from ilrec_agents.ope.results import Estimate, Study
from ilrec_agents.ope.weighted import WeightedSessions
from ilrec_agents.softened import SoftenedAgent, softened

__all__ = ["ESTIMATORS", "HORIZONS", "Estimate", "WeightedSessions", "SoftenedAgent", "Study", "softened", "study"]
