"""The card as Markdown, with the YAML front matter that dataset repositories of Hugging Face read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ilrec_demos.cards.opening import opening
from ilrec_demos.jsonl_schema import SESSION, STEP, Column

_TAGS = ("recommender-systems", "demonstrations", "simulation", "offline-rl")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card_text(card: Mapping[str, Any], name: str, files: Mapping[str, str], picture: str | None) -> str:
    """The page.

    Args:
        card: The JSON card.
        name: Of the file or folder.
        files: SHA-256 of each file beside the page, by name.
        picture: Name of the picture, if there is one.
    """
    parts = [
        _front_matter(card),
        f"# {_title(card)}",
        _summary(card),
        f"![Lengths, returns and ends of the sessions]({picture})" if picture else "",
        "## Opening it\n\n" + opening(card["kind"], name, card.get("dataset", {}).get("id", "")),
        "## Files\n\n" + _table(("file", "SHA-256"), ([f"`{file}`", f"`{sum_}`"] for file, sum_ in files.items())),
        _columns(card) if "columns" in card else "",
        "## Figures\n\n" + _figures(card),
        "## Who chose\n\n" + _agent(card["agent"]),
        _prompts(card["prompts"]) if card["prompts"] else "",
        "## Seeds\n\n" + _bullets(card["seeding"]),
        "## Environment\n\n" + _environment(card),
        "## Terms\n\n" + _terms(card["terms"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(card: Mapping[str, Any]) -> str:
    terms, steps = card["terms"], card["journal"]["steps"]
    lines = ["license: other", f"license_name: {_yaml(terms['licence'])}"]
    lines += [f"license_link: {_yaml(terms['link'])}"] if terms["link"] else []
    lines += [
        f"pretty_name: {_yaml(_title(card))}",
        "language:", "- en",
        "task_categories:", "- reinforcement-learning",
        "tags:", *(f"- {tag}" for tag in _TAGS), *(["- movielens"] if terms["citation"] else []),
        "size_categories:", f"- {next((name for limit, name in _SIZES if steps < limit), 'n>1M')}",
    ]  # fmt: skip
    if "columns" in card:
        lines.append("configs:")
        for part in ("steps", "sessions"):
            lines += [f"- config_name: {part}", f"  data_files: {part}.jsonl"]
            lines += ["  default: true"] if part == "steps" else []
    return "\n".join(["---", *lines, "---"])


def _title(card: Mapping[str, Any]) -> str:
    return f"Sessions of {card['agent']['name']} with simulated viewers of {card['terms']['dataset']}"


def _summary(card: Mapping[str, Any]) -> str:
    figures, model = card["journal"], card["agent"].get("facts", {}).get("model")
    who = f"`{card['agent']['name']}`" + (f" with the language model `{_plain(model)}`" if model else "")
    return (
        f"{figures['sessions']} sessions, {figures['steps']} steps. At every step {who} recommended a film, and a "
        f"simulated viewer rated it, until the viewer left or the horizon was reached. Mean length "
        f"{figures['mean_length']:.1f}, mean return {figures['mean_return']:.1f}, mean rating "
        f"{figures['mean_rating']:.2f}. Made with ILRec-Gym; everything that decided it is listed below."
    )


def _figures(card: Mapping[str, Any]) -> str:
    rows = [[name, *(f"{value:.4g}" for value in values)] for name, values in card["figures"].items()]
    ends = ", ".join(f"{_plain(reason)} {count}" for reason, count in card["journal"]["exit_reasons"].items())
    counts = f"Viewers {card['journal']['users']}, films {card['journal']['items']}. Ends: {ends}."
    parts = [_table(("", "least", "first quartile", "median", "third quartile", "greatest"), rows), counts]
    if card["decisions"]:
        said = ", ".join(f"{name[5:]} {value:.4g}" for name, value in card["decisions"].items())
        parts.append(f"Means over the decisions: {said}.")
    return "\n\n".join(parts)


def _agent(agent: Mapping[str, Any]) -> str:
    parts = [f"`{agent['name']}`, with these settings, those of sampling among them:"]
    parts.append(_json(agent.get("config", {})))
    if agent.get("facts"):
        parts += ["The model, and where it came from:", _json(agent["facts"])]
    return "\n\n".join(parts)


def _prompts(prompts: Sequence[Mapping[str, Any]]) -> str:
    parts = ["## Prompts"]
    for prompt in prompts:
        checksum = f", SHA-256 `{prompt['sha256']}`" if prompt["sha256"] else ""
        gone = "" if prompt["text"] else "; its text was not at hand any more when this was written"
        parts.append(f"Version `{_plain(prompt['version'])}`{checksum}{gone}.")
        if prompt["text"]:
            parts.append(_fenced(prompt["text"], "toml"))
    return "\n\n".join(parts)


def _environment(card: Mapping[str, Any]) -> str:
    environment, task = card["environment"], card["task"]["description"]
    parts = [f"Users of the split `{environment['split']}`. What decides sessions in it (`describe()`):", _json(task)]
    if environment["spec"] is None:
        return "\n\n".join([*parts, "It was made with objects, so it has no spec."])
    return "\n\n".join([*parts, "Its spec, for `gymnasium.make(EnvSpec.from_json(...))`:", _json(environment["spec"])])


def _terms(terms: Mapping[str, Any]) -> str:
    parts = [terms["summary"], terms["held"]]
    parts += [f"The terms: <{terms['link']}>"] if terms["link"] else []
    parts += [f"To be cited: {terms['citation']}"] if terms["citation"] else []
    return "\n\n".join(part for part in parts if part)


def _columns(card: Mapping[str, Any]) -> str:
    parts = ["## Columns"]
    schemas: dict[str, Mapping[str, Column]] = {"steps": STEP, "sessions": SESSION}
    for part, schema in schemas.items():
        rows = ([f"`{name}`", schema[name].said, schema[name].meaning] for name in card["columns"][part])
        parts.append(f"`{part}.jsonl`, one {part[:-1]} per line:\n\n" + _table(("column", "type", "meaning"), rows))
    return "\n\n".join(parts)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in _with_rule(header, rows))


def _with_rule(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    yield header
    yield ["---"] * len(header)
    yield from rows


def _bullets(values: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in values.items())


def _json(value: Any) -> str:
    return _fenced(json.dumps(value, indent=2, ensure_ascii=False), "json")


def _fenced(text: str, language: str) -> str:
    """A block that no line of the text can end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _yaml(text: str) -> str:
    """A text as YAML: JSON is YAML."""
    return json.dumps(text, ensure_ascii=False)


def _plain(value: Any) -> str:
    """A word between backticks or in a table, on one line."""
    return " ".join(str(value).split()).replace("`", "'").replace("|", "/")
