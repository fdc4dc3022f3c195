"""The parts of the site that are made from the code: environments, agents, API, and the method's picture."""

from __future__ import annotations

import docstrings
import method_picture
import pages
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class MethodPicture(Directive):
    """The method in one picture, in both its shapes; the style sheet shows one of them."""

    def run(self) -> list[nodes.Node]:
        """Return the picture as raw HTML, and as words for other formats."""
        drawings = "".join(
            f'<div class="method-{shape}">{method_picture.svg(shape)}</div>' for shape in ("wide", "tall")
        )
        return [nodes.raw("", drawings, format="html"), nodes.raw("", method_picture.in_words(), format="text")]


class AgentsTable(SphinxDirective):
    """The agents that are registered, as a table."""

    def run(self) -> list[nodes.Node]:
        """Return the parsed table; the page is read anew at every build, since the registry may have changed."""
        self.env.note_reread()
        tables = self.parse_text_to_nodes(pages.agents_table())
        for table in tables:
            table["classes"].append("agents")
        return tables


class AgentSettings(SphinxDirective):
    """The settings of each agent, as one table per agent."""

    def run(self) -> list[nodes.Node]:
        """Return the parsed sections."""
        self.env.note_reread()
        return self.parse_text_to_nodes(pages.settings_tables(), allow_section_headings=True)


class EnvironmentsTable(SphinxDirective):
    """Every environment id, and the arguments that it fixes."""

    def run(self) -> list[nodes.Node]:
        """Return the parsed table."""
        self.env.note_reread()
        return self.parse_text_to_nodes(pages.environments_table())


def _write_pages(app: Sphinx) -> None:
    pages.write_all(app.srcdir)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives; the generated pages are written before Sphinx looks for pages."""
    app.add_directive("method-picture", MethodPicture)
    app.add_directive("agents-table", AgentsTable)
    app.add_directive("agent-settings", AgentSettings)
    app.add_directive("environments-table", EnvironmentsTable)
    app.connect("builder-inited", _write_pages)
    app.connect("autodoc-process-docstring", docstrings.prepare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
