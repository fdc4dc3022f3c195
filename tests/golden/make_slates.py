"""Writes slates.json with the plain-Python reference: ``python tests/golden/make_slates.py``."""

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from oracle import SlateReference, vectors

HERE = Path(__file__).parent


def main() -> None:
    """Sessions of both choice models with slates that repeat items, and draws of a seeded generator."""
    rng = random.Random(0)
    genres = [[rng.random() < 0.3 for _ in range(5)] for _ in range(24)]
    ratings = [[round(rng.uniform(1, 5), 3) for _ in genres] for _ in range(4)]
    content, cases = vectors(genres), []
    for number in range(60):
        k, user = rng.choice([1, 2, 3, 5]), number % 4
        parameters = {
            "choice": ["multinomial_logit", "cascade"][number % 2], "tau": rng.choice([0.25, 1.0]),
            "no_choice": rng.choice([-1.0, 0.0]), "beta": rng.choice([0.9, 1.0, 0.5]),
            "unchosen": rng.choice([0.3, 0.0]),
        }  # fmt: skip
        session = SlateReference(content, ratings[user], 4.5, 0.25, 0.8, 2.0, 3.0, 1.0, 1.0, 5.0, 5, **parameters)
        steps, ended = [], False
        while not ended:
            slate = [rng.randrange(len(genres)) for _ in range(k)]
            draws = [round(rng.random(), 6) for _ in range(1 + 2 * k)]
            rating, place, patience, terminated, truncated = session.step_slate(slate, draws)
            steps.append(
                {
                    "slate": slate,
                    "draws": draws,
                    "rating": rating,
                    "place": place,
                    "patience": patience,
                    "terminated": terminated,
                    "truncated": truncated,
                }  # fmt: skip
            )
            ended = terminated or truncated
        cases.append({"user": user, "parameters": parameters, "steps": steps})
    data = {
        "note": "draws: one for the multinomial choice, k for looking, k for the cascade; aspiration 4.5, scale [1, 5]",
        "ratings": ratings, "item_vectors": content, "max_steps": 5, "cases": cases,
    }  # fmt: skip
    (HERE / "slates.json").write_text(json.dumps(data) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
