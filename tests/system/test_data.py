"""Rows of files on two agents with two user processes each: every row is used as it should be."""

import asyncio

import pytest

from loadgrpc.client import Client
from loadgrpc.model import DataFigures, DataMode
from loadgrpc.testing import plan_of, running_cluster

pytestmark = pytest.mark.system

ROWS = 60
TESTS = """
import os
from loadgrpc.case import TestCase

class Rows(TestCase):
    def setUp(self):
        self.account = self.data("accounts.jsonl")
    def test_rows(self):
        assert self.account["id"] == self.user_index
        assert os.environ["STAGE"] == self.config["env"]["STAGE"] == "a b"
        self.incr_counter(f"account {self.account['id']}")
        self.incr_counter(f"in turn {self.data('rows.csv', 'in-turn')['n']}")
        self.incr_counter(f"code {self.data('rows.csv', 'once', 'error')['n']}")
    def test_once(self):
        self.incr_counter(f"code {self.data('rows.csv', 'once')['n']}")
    def test_bad(self):
        self.data("bad.csv")
"""


@pytest.fixture
def tests(tmp_path, monkeypatch):
    """A folder with the tests and their files, which is the current one."""
    folder = tmp_path / "pkg"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "rows.py").write_text(TESTS)
    (folder / "rows.csv").write_text("n,text\n" + "".join(f'{n},"a\nb"\n' for n in range(ROWS)))
    (folder / "accounts.jsonl").write_text("".join(f'{{"id": {n}}}\n' for n in range(12)))
    (folder / "bad.csv").write_text("a,b\n1,2\n3\n")
    monkeypatch.chdir(tmp_path)


def test_every_row_is_used_by_exactly_one_user(tests):
    """Over agents, processes, cycles and iterations, without any of them asking another."""

    async def main():
        async with running_cluster(agents=2) as endpoint, Client.connect(endpoint) as client:

            async def summary(**options):
                options = {"agents": 2, "processes": 2, **options}
                run = await client.start_run(plan_of(**options))
                async for _ in client.watch_run(run.run_id):
                    pass
                return await client.get_summary(run.run_id)

            shared = await summary(
                test="pkg.rows.Rows.test_rows",
                users=(5, 7),
                iterations=(5,),
                split=True,
                env=(("STAGE", "a b"),),
            )
            assert shared.verdict.exit_code == 0, shared.verdict
            assert shared.counters == {
                **{f"account {n}": 5 * (1 + (n < 5)) for n in range(7)},
                **{f"in turn {n}": 1 + (n < 25) for n in range(35)},
                **{f"code {n}": 1 for n in range(60)},
            }
            assert shared.data == (
                DataFigures(file="accounts.jsonl", mode=DataMode.UNIQUE, rows=12, taken=12),
                DataFigures(file="rows.csv", mode=DataMode.IN_TURN, rows=ROWS, taken=60),
                DataFigures(file="rows.csv", mode=DataMode.ONCE, rows=ROWS, taken=60),
            )

            ended = await summary(test="pkg.rows.Rows.test_once", users=(4,), duration_s=60.0)
            assert ended.verdict.exit_code == 3
            assert ended.verdict.reason == (
                "rows.csv ran out of its 60 rows: 8 users ended, and 60 iterations finished"
            )
            assert ended.counters == {f"code {n}": 1 for n in range(ROWS)}
            assert ended.duration_ns < 30e9

            bad = await summary(test="pkg.rows.Rows.test_bad", users=(4,), iterations=(1,))
            assert bad.verdict.exit_code == 107
            assert "bad.csv, line 3 has 1 field instead of 2: 3" in bad.verdict.reason

    asyncio.run(main())
