"""Language models as recommenders: model registry, prompts, constrained choice, and the actor."""
