"""`loadgrpc schedule`, without a broker."""

from click.testing import CliRunner

from loadgrpc.cli.command import call
from loadgrpc.cli.root import root


def test_options_of_plans_are_under_their_headings():
    """What a later version adds to plans finds its section by itself."""
    shown = CliRunner().invoke(root, ["schedule", "add", "--help"]).output
    _, _, rest = shown.partition("\nOptions:\n")
    named = [line[line.index("--") :].split()[0] for line in rest.splitlines() if line[:3] == "  -"]
    assert named == ["--config", "--help"]
    for heading in ("When", "Load", "Where", "Files", "Observers"):
        assert f"\n{heading}:\n" in shown


def test_what_is_wrong_with_a_plan_is_said_before_anybody_is_asked(capsys, tmp_path, monkeypatch):
    """By the names that people type; a file that is not there is none."""
    monkeypatch.chdir(tmp_path)
    at = ("schedule", "add", "n", "--cron", "@daily", "-b", "127.0.0.1:1")
    assert call(root, [*at, "a.B.c", "-u", "0"]) == 2
    assert "-u/--users: '0' is not a whole number" in capsys.readouterr().err
    assert call(root, [*at, "plan.toml"]) == 2
    assert "plan.toml cannot be read: No such file or directory" in capsys.readouterr().err
    assert call(root, ["schedule", "add", "n", "a.B.c"]) == 2
    assert "missing --cron" in capsys.readouterr().err
