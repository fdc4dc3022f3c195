"""The command ``ilrec`` itself."""

import subprocess
import sys

import pytest

from ilrec_gym.cli import commands, main

ILREC = [sys.executable, "-c", "import sys; from ilrec_gym.cli import main; sys.exit(main())"]


def test_every_subcommand_has_a_line_and_a_help(capsys):
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert len(commands()) >= 8 and "cannot be loaded" not in told
    for name in commands():
        assert f"  {name} " in told
        with pytest.raises(SystemExit) as left:
            main([name, "--help"])
        assert left.value.code == 0


def test_a_misspelt_subcommand(capsys):
    assert main(["evalute"]) == 2
    assert "did you mean 'evaluate'?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["agents"], ["--version"]])  # more and less than a buffer holds
def test_a_reader_who_has_seen_enough(arguments):
    process = subprocess.Popen([*ILREC, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def test_an_unexpected_word_is_no_traceback():
    done = subprocess.run([*ILREC, "data", "info", "ml-1n"], capture_output=True, text=True)
    assert done.returncode == 2
    assert (
        done.stderr.startswith("error:") and "did you mean 'ml-1m'?" in done.stderr and "Traceback" not in done.stderr
    )
