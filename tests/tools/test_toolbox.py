"""Where tools are: outside of the checkout, and found by who needs them."""

from pathlib import Path

import toolbox


def test_a1_tools_are_outside_of_the_checkout(monkeypatch, root):
    """What `make tools` installs is in the user's cache, or where the environment says."""
    monkeypatch.delenv("LOADGRPC_TOOLS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/somebody")
    assert toolbox.folder() == Path("/var/cache/somebody/loadgrpc/tools")

    monkeypatch.delenv("XDG_CACHE_HOME")
    assert not toolbox.folder().is_relative_to(root)

    monkeypatch.setenv("LOADGRPC_TOOLS", "/opt/tools")
    assert toolbox.folder() == Path("/opt/tools")


def test_a1_a_tool_is_found_in_the_folder_of_tools(monkeypatch, tmp_path):
    """A program is found there without being on PATH, and not found when it is nowhere."""
    monkeypatch.setenv("LOADGRPC_TOOLS", str(tmp_path))
    program = tmp_path / "bin/some-tool"
    program.parent.mkdir()
    program.touch(mode=0o755)

    assert toolbox.find("some-tool") == str(program)
    assert toolbox.find("no-such-tool") is None


def test_a1_what_is_missing_is_told(monkeypatch, tmp_path, capsys):
    """Where nothing can be installed, the names of what is missing end the command with 1."""
    monkeypatch.setenv("LOADGRPC_TOOLS", str(tmp_path))
    monkeypatch.setattr(toolbox, "find", lambda program: None)
    monkeypatch.setattr(toolbox, "_run", lambda *command: False)
    monkeypatch.setattr(toolbox.os, "geteuid", lambda: 1000)

    missing = toolbox.install()

    assert {"grpcurl", "@bufbuild/buf", "nginx", "@grpc/grpc-js"} <= set(missing)
    assert "only root" in capsys.readouterr().out
