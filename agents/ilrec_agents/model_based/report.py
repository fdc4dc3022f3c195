"""A world model's accuracy as Markdown."""

from __future__ import annotations

from typing import Any

_STEPS = (1, 2, 5, 10, 20)


def markdown(report: dict[str, Any]) -> str:
    """The tables of a report, see :func:`~ilrec_agents.model_based.accuracy.accuracy`."""
    held_out, rating, leaving = report["held_out"], report["rating"], report["leaving"]
    rows = (("world model", ""), ("public factors", "public_"), ("constant", "constant_"))
    within = " | ".join(f"{share:.1%}" for share in report["intervals"].values())
    lines = [
        f"On {held_out['sessions']} sessions ({held_out['steps']} steps) of {held_out['viewers']} viewers that were"
        " held out.",
        "",
        "| rating | RMSE | MAE | NLL |",
        "|---|---|---|---|",
        *(
            f"| {name} | {rating[prefix + 'rmse']:.3f} | {rating[prefix + 'mae']:.3f} |"
            f" {format(rating['nll'], '.3f') if not prefix else ''} |"
            for name, prefix in rows
        ),
        "",
        f"| interval | {' | '.join(report['intervals'])} |",
        "|---|" + "---|" * len(report["intervals"]),
        f"| ratings within | {within} |",
        "",
        "| leaving | share | predicted | AUC | Brier | Brier of a constant | ECE |",
        "|---|---|---|---|---|---|---|",
        f"| world model | {leaving['rate']:.3f} | {leaving['predicted']:.3f} | {_or_dash(leaving['auc'], '.3f')} |"
        f" {leaving['brier']:.4f} | {leaving['constant_brier']:.4f} | {leaving['ece']:.4f} |",
        "",
        "| open loop, step | sessions | RMSE | bias | RMSE of the return so far | staying | predicted |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {at['step']} | {at['sessions']} | {at['rmse']:.3f} | {at['bias']:+.3f} | {at['return_rmse']:.2f} |"
            f" {_or_dash(at['staying'], '.1%')} | {_or_dash(at['predicted_staying'], '.1%')} |"
            for at in report["open_loop"]
            if at["step"] in _STEPS
        ),
    ]
    return "\n".join(lines) + "\n"


def _or_dash(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
