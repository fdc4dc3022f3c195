"""The command ``ilrec data hazard``: fit the exit hazard, print how well it fits, write it for ``user_model=``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ilrec_gym.cards import write_card
from ilrec_gym.data import load_dataset
from ilrec_gym.data.log_sessions import times_are_exact
from ilrec_gym.data.schema import InteractionData
from ilrec_gym.files import write_json
from ilrec_gym.simulation.hazard.fit import HazardFit, fit_hazard
from ilrec_gym.simulation.hazard.model import COVARIATES
from ilrec_gym.simulation.scenario import Scenario, load_scenario

KIND = "hazard"


def run(options: argparse.Namespace) -> int:
    """Fit, print and write; by the options name, path, gap, log_end, inexact_times and output."""
    start = time.perf_counter()
    data = load_dataset(options.name, options.path)
    scenario = load_scenario(options.name, str(options.path) if options.path else None)
    choices = {"gap": options.gap, "log_end": options.log_end, "inexact_times": options.inexact_times}
    fit = fit_hazard(data, scenario, **choices)
    print("\n".join(report(fit, data, options.gap)))
    if options.output:
        write(fit, options.output, data, scenario, choices, time.perf_counter() - start)
        print(f"written: {options.output}")
    return 0


def write(
    fit: HazardFit, path: Path, data: InteractionData, scenario: Scenario, choices: dict[str, object], seconds: float
) -> None:
    """Write the fitted user model as JSON, and its card with the report."""
    write_json(path, fit.model.as_user_model())
    figures = {key: value for key, value in asdict(fit).items() if key != "model"}
    inputs = {"interactions": data.checksum, "scenario": scenario.fingerprint}
    write_card(
        path, kind=KIND, parameters={"dataset": data.name, **choices}, inputs=inputs, seconds=seconds, fit=figures
    )


def report(fit: HazardFit, data: InteractionData, gap: float) -> Iterator[str]:
    """The lines of the report."""
    yield f"{data.name}: exit hazard of real sessions, cut at {gap:g} minutes of silence"
    if not times_are_exact(data.interactions):
        yield f"WARNING: times were filled in ({fit.even_share:.0%} of pauses repeat the one before): do not rely on it"
    for name, n in fit.counts.items():
        yield f"  {name:<6} {n['rows']:,} ratings after the profile, {n['leaves']:,} exits, {n['users']:,} users"
    yield from ("", f"  {'coefficient':<18}{'estimate':>10}{'s.e.':>8}{'z':>7}")
    for name in ("intercept", *COVARIATES):
        value, error = getattr(fit.model, name), fit.errors[name]
        yield f"  {name:<18}{value:>10.4f}{error:>8.4f}{value / max(error, 1e-12):>7.1f}"
    yield from ("", f"  {'on test users':<18}{'log-lik./row':>14}{'AUC':>8}")
    for name, told in (("hazard", "hazard"), ("time_only", "step count alone"), ("constant", "constant hazard")):
        yield f"  {told:<18}{fit.log_likelihood[name]:>14.4f}{fit.auc.get(name, 0.5):>8.3f}"
    yield from ("", "  chance of leaving, in tenths of the test rows: predicted / observed")
    pairs = [f"{row['predicted']:.3f}/{row['observed']:.3f}" for row in fit.calibration]
    yield from (f"    {'  '.join(pairs[i : i + 5])}" for i in range(0, len(pairs), 5))
    yield from ("", f"  {'mean length':<18}{'sessions':>10}{'real':>16}{'simulated':>16}")
    for name, found in fit.lengths.items():
        real, simulated = (
            f"{getattr(found, k):.2f} ± {getattr(found, k + '_error'):.2f}" for k in ("real", "simulated")
        )
        yield f"  {name + ' users':<18}{found.sessions:>10,}{real:>16}{simulated:>16}"
    yield from ("", f"  {'gap (minutes)':<18}{'sessions':>10}{'mean length':>16}{'median length':>16}")
    for row in fit.gaps:
        yield f"  {row['gap']:<18g}{row['sessions']:>10,.0f}{row['mean_length']:>16.2f}{row['median_length']:>16g}"
