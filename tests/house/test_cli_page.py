"""docs/cli.md says what the commands say."""

import importlib.util

import click
import pytest

from loadgrpc.cli.command import Command
from loadgrpc.cli.root import COMMANDS


@pytest.fixture(scope="module")
def cli_page(root):
    """The generator, tools/cli_page.py."""
    spec = importlib.util.spec_from_file_location("cli_page", root / "tools/cli_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_fresh(cli_page, root):
    """Writing the page again gives what is committed."""
    assert (root / cli_page.PAGE).read_text() == cli_page.page(), "run `make protos`"


def test_each_command_and_option_is_on_the_page(cli_page):
    """Every command has a section, and in it every option in every spelling."""
    sections = dict(part.split("\n", 1) for part in cli_page.page().split("\n## loadgrpc ")[1:])

    commands = {}
    for name, module in COMMANDS.items():
        command = commands[name] = importlib.import_module(module).command
        inner = getattr(command, "commands", {})
        commands |= {f"{name} {each}": of for each, of in inner.items()}
    assert list(sections) == list(commands)
    for name, command in commands.items():
        for param in command.params:
            spellings = param.opts if isinstance(param, click.Option) else []
            assert [each for each in spellings if f"`{each}`" not in sections[name]] == [], name


def test_what_a_section_is_made_of(cli_page):
    """Prose, examples as blocks, a table under each heading, defaults in a column of their own."""

    @click.command(cls=Command, sections={"Where": ("broker",)})
    @click.option(
        "-b", "--broker", metavar="A:B", default="c:1", show_default=True, help="The | b."
    )
    @click.option("--much", metavar="N", help="How much.  [default: all]")
    @click.argument("run_id", metavar="RUN")
    def command(**_):
        """Do it.

        \b
        Like this:
          loadgrpc do RUN
        """  # noqa: D301 - as in commands

    assert (
        "\n".join(cli_page.section("do", command))
        == """\
## loadgrpc do

`loadgrpc do [OPTIONS] RUN`

Do it.

Like this:

```sh
loadgrpc do RUN
```

Where:

| option | what it does | default |
| --- | --- | --- |
| `-b`, `--broker` A:B | The \\| b. | c:1 |

| option | what it does | default |
| --- | --- | --- |
| `--much` N | How much. | all |
"""
    )
