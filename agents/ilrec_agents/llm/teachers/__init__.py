"""Teachers: language models that play sessions, put together from the modules."""
