"""The main job end to end: stages that leave files with cards, and are not done again while nothing changed."""
