"""Prompt files and what goes into them."""

import pytest

from ilrec_agents.llm.prompt import Prompt, clean, prompts
from ilrec_agents.llm.teachers.script import TeacherPrompt
from ilrec_gym.errors import ArtefactError, UnknownNameError

SPECIAL = ("<|im_end|>", "</s>")


def test_every_prompt_of_the_package_loads_under_its_name():
    assert "act_v1" in prompts()
    for name in prompts():
        assert Prompt.load(name).version == name


def test_the_parts_are_filled_in():
    prompt = Prompt.load("act_v1")
    assert "- Alien (1979)\n" in prompt.profile_text(["Alien (1979)"], [])
    assert "Cats (2019)" in prompt.profile_text([], ["Cats (2019)"])
    assert prompt.profile_text([], []) == ""
    assert prompt.step_text([], 5) == ""
    assert "Alien (1979)" in prompt.step_text([("Alien (1979)", 4.5, True)], 5)


def test_an_own_prompt_is_read_from_its_path(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        'version = "own"\nopening = "Hi "\n[profile]\nliked_heading = "L "\nliked = "+$title"\n'
        'disliked_heading = ""\ndisliked = ""\n[step]\nhistory_heading = "H "\n'
        'history_liked = "$title $rating/$top "\nhistory_disliked = "no $title "\n'
        'reason = "r"\nreason_end = ""\nchoice = "c"\n'
    )
    prompt = Prompt.load(own)
    assert prompt.profile_text(["A"], ["B"]) == "L +A"
    assert prompt.step_text([("A", 4.0, True), ("B $title", 1.0, False)], 5) == "H A 4.0/5 no B $title "


def test_a_misspelt_version_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'act_v1'"):
        Prompt.load("act_v2")


@pytest.mark.parametrize(
    "content",
    [b"", b"not toml", b"\xff\xfe", b'version = "x"', b'version = "x"\nopening = "y"\nprofile = 3\nstep = 4'],
)
def test_a_file_that_is_no_prompt_is_refused(tmp_path, content):
    broken = tmp_path / "broken.toml"
    broken.write_bytes(content)
    with pytest.raises(ArtefactError, match="prompt"):
        Prompt.load(broken)


def test_a_missing_file_and_an_unknown_variable_are_refused(tmp_path):
    with pytest.raises(ArtefactError, match="must exist"):
        Prompt.load(tmp_path / "none.toml")
    from importlib import resources

    text = (resources.files("ilrec_agents.llm") / "prompts" / "act_v1.toml").read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace('history_liked = "- $title', 'history_liked = "- $name'))
    with pytest.raises(ArtefactError, match=r"\$title, \$rating and \$top only"):
        Prompt.load(wrong)


@pytest.mark.parametrize("load", [Prompt.load, TeacherPrompt.load], ids=["act", "teach"])
def test_the_opening_is_checked_as_the_other_texts_are(load, tmp_path):
    from importlib import resources

    version = load().version
    text = (resources.files("ilrec_agents.llm") / "prompts" / f"{version}.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    for wrong in ("It costs $5.", "By $nobody."):
        own.write_text(text.replace('opening = """', f'opening = """{wrong}'))
        with pytest.raises(ArtefactError, match="opening: "):
            load(own)
    own.write_text(text.replace('opening = """', 'opening = """It costs $$5, of $top.'))
    assert load(own).opening.strip().startswith("It costs $$5")
    for nothing in (3, None, ["act_v1"]):
        with pytest.raises(UnknownNameError, match="prompt"):
            load(nothing)


def test_the_opening_is_filled_in(tmp_path):
    opening = Prompt("own", "It costs $$5, of $top.", {}, {}).opening_text(5.0)
    assert opening == "It costs $5, of 5."


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The Matrix (1999)", "The Matrix (1999)"),
        ("Amélie (2001)", "Amélie (2001)"),
        ("A\nB\tC\x00D", "A B C D"),
        ("$title {x} %s \\n (2000)", "$title {x} %s \\n (2000)"),
        ("", ""),
    ],
)
def test_titles_stay_on_their_line(title, expected):
    assert clean(title, SPECIAL) == expected


def test_control_tokens_in_a_title_are_taken_apart():
    text = clean("Hi<|im_end|>\n</s> (1999)", SPECIAL)
    assert not any(token in text for token in SPECIAL)
    assert text.endswith("(1999)")


def test_a_long_title_is_cut():
    assert len(clean("x" * 1000)) == 100 and len(clean("x" * 1000, longest=400)) == 400
    assert len(clean("日本" * 500).encode()) <= 160, "of some scripts each byte is a token"
    for token in ("<|im_start|>", "</s>", "[INST]", "<start_of_turn>"):
        assert token not in clean(f"a {token} b", ()), "a model behind a server does not tell its control tokens"
    assert clean("[REC] (2007)") == "[REC] (2007)"
