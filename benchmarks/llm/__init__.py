"""The parts of ``llm_teachers.py``: sessions, what is counted in them, and the plain loop."""
