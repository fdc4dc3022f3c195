"""Dataset cards: what a dataset is, as JSON for programs, as Markdown for people, and as a picture."""

from ilrec_demos.cards.facts import facts_of_journal
from ilrec_demos.cards.terms import Terms, terms_of
from ilrec_demos.cards.writing import complete, markdown_path, picture_path

__all__ = ["Terms", "complete", "facts_of_journal", "markdown_path", "picture_path", "terms_of"]
