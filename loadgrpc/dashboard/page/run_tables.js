// The other tables of a run: what it is judged by, what tests measured, who generated the load, and
// what became of every event.

import { button } from "./element.js";
import {
  NONE,
  duration,
  epochMs,
  nanoseconds,
  number,
  percent,
  rate,
  responseOf,
  span,
  timeOfDay,
} from "./figures.js";
import { POINTS, countColumn, hitColumns, timeColumns } from "./hit_tables.js";
import { loadOf } from "./plan.js";
import { Table } from "./table.js";
import { oneLine, word } from "./text.js";

const OUTCOMES = { PASS: "pass", FAIL: "FAIL", NO_DATA: "no data" };

const named = (row) => oneLine(row.scenario ? `${row.scenario}: ${row.name}` : row.name);
const text = (title, of) => ({ title, text: of });
const numberColumn = (field) => ({
  title: field,
  figure: true,
  text: (row) => number(Number(row[field])),
  value: (row) => Number(row[field]),
});

/** A value of a threshold, in its unit. */
function inUnit(value, unit) {
  if (value === undefined || value === null) return NONE;
  if (unit === "s") return duration(Math.round(value * 1e9));
  if (unit === "%") return `${number(value)} %`;
  return unit === "/s" ? rate(value) : number(value);
}

function thresholdTable(zoom) {
  const when = (row) => (row.windowStart ? timeOfDay(epochMs(row.windowStart)) : "");
  return {
    id: "thresholds",
    title: "Thresholds",
    noun: "threshold",
    bad: (row) => row.failed,
    rows: (summary) => summary.thresholds,
    key: (row) => row.threshold,
    columns: [
      { title: "threshold", class: "wide", text: (row) => oneLine(row.threshold) },
      text("outcome", (row) => OUTCOMES[row.outcome.replace("THRESHOLD_OUTCOME_", "")] ?? NONE),
      { title: "worst", figure: true, text: (row) => inUnit(row.value, row.unit) },
      { title: "limit", figure: true, text: (row) => inUnit(row.limit, row.unit) },
      {
        title: "windows failed",
        figure: true,
        value: (row) => Number(row.windowsFailed),
        text: (row) => (Number(row.windows) ? `${row.windowsFailed} of ${row.windows}` : NONE),
      },
      {
        title: "worst window",
        text: when,
        node: (row) =>
          row.windowStart
            ? button(when(row), () => zoom(row), { class: "link", title: "Zoom the charts to it" })
            : "",
      },
      { title: "evidence", class: "wide", text: (row) => oneLine(row.message) },
    ],
  };
}

const SIMPLE = [
  {
    id: "scenarios",
    title: "Scenarios",
    noun: "scenario",
    rows: (summary) =>
      summary.scenarios.map((each) => ({
        ...each,
        asked: summary.plan.scenarios.find((one) => one.name === each.name),
      })),
    key: (row) => row.name,
    bad: (row) => Number(row.hits.failed) > 0,
    columns: [
      text("scenario", (row) => oneLine(row.name)),
      text("test", (row) => oneLine(row.test)),
      text("load", (row) => (row.asked ? loadOf(row.asked) : "")),
      countColumn("users", (row) => row.users?.started ?? 0),
      countColumn("iterations", (row) => row.iterations?.started ?? 0),
      ...hitColumns(),
    ],
  },
  {
    id: "tests",
    title: "Iterations by test",
    noun: "test",
    key: (row) => JSON.stringify([row.scenario, row.test, row.userFixture]),
    rows: (summary) =>
      summary.tests.length > 1 || summary.tests.some((each) => !isIterations(each))
        ? summary.tests
        : [],
    bad: (row) => Number(row.iterations.failure) + Number(row.iterations.error) > 0,
    columns: [
      text("test", (row) => oneLine(row.scenario ? `${row.scenario}: ${row.test}` : row.test)),
      text("of", (row) => (isIterations(row) ? "iterations" : "users")),
      countColumn("started", (row) => row.iterations.started),
      countColumn("success", (row) => row.iterations.success),
      countColumn("failure", (row) => row.iterations.failure),
      countColumn("error", (row) => row.iterations.error),
      ...timeColumns((row) => row.iterationTime),
    ],
  },
  {
    id: "cycles",
    title: "Cycles",
    noun: "cycle",
    rows: (summary) => summary.cycles,
    key: (row) => row.cycle,
    bad: (row) => Number(row.hits.failed) > 0,
    columns: [
      { title: "cycle", text: (row) => String(row.cycle), value: (row) => row.cycle },
      countColumn("users", (row) => row.users),
      {
        title: "took",
        figure: true,
        text: (row) => duration(nanoseconds(row.duration)),
        value: (row) => nanoseconds(row.duration),
      },
      ...hitColumns(),
    ],
  },
  {
    id: "checks",
    title: "Checks",
    noun: "check",
    key: named,
    bad: (row) => Number(row.failed) > 0,
    rows: (summary) => [...summary.checks].sort((a, b) => Number(b.failed) - Number(a.failed)),
    columns: [
      text("check", named),
      countColumn("passed", (row) => row.passed),
      countColumn("failed", (row) => row.failed),
      {
        title: "share",
        figure: true,
        text: (row) => percent(Number(row.failed), Number(row.passed) + Number(row.failed)),
        value: (row) => Number(row.failed) / (Number(row.passed) + Number(row.failed)),
      },
    ],
  },
  {
    id: "transactions",
    title: "Transactions",
    noun: "transaction",
    rows: (summary) => summary.transactions,
    key: named,
    bad: (row) => Number(row.failed) > 0,
    columns: [text("transaction", named), ...hitColumns((row) => row)],
  },
  {
    id: "measurements",
    title: "Measurements",
    noun: "measurement",
    rows: (summary) => summary.measurements,
    key: named,
    columns: [
      text("measurement", named),
      countColumn("count", (row) => row.count),
      ...POINTS.map(numberColumn),
    ],
  },
  {
    id: "gauges",
    title: "Gauges",
    noun: "gauge",
    rows: (summary) => summary.gauges,
    key: named,
    columns: [text("gauge", named), ...["last", "min", "max"].map(numberColumn)],
  },
  {
    id: "counters",
    title: "Counters",
    noun: "counter",
    key: (row) => row.name,
    rows: (summary) => Object.entries(summary.counters).map(([name, count]) => ({ name, count })),
    columns: [text("counter", named), countColumn("count", (row) => row.count)],
  },
  {
    id: "rules",
    title: "Rules",
    noun: "rule",
    key: (row) => JSON.stringify([row.scenario, row.case]),
    rows: (summary) => summary.cases,
    bad: (row) => Number(row.iterations.failure) + Number(row.iterations.error) > 0,
    columns: [
      text("rule", (row) => oneLine(row.scenario ? `${row.scenario}: ${row.case}` : row.case)),
      countColumn("iterations", (row) => row.iterations.started),
      countColumn("failure", (row) => row.iterations.failure),
      countColumn("error", (row) => row.iterations.error),
      countColumn("hits", (row) => row.hits.count),
      countColumn("failed", (row) => row.hits.failed),
      ...timeColumns((row) =>
        Number(row.hits.count) ? responseOf(row.hits) : row.iterationTime,
      ),
    ],
  },
  {
    id: "tags",
    title: "Hits by tag",
    noun: "tag",
    rows: (summary) => summary.tags,
    key: (row) => JSON.stringify([row.scenario, row.name, row.value]),
    bad: (row) => Number(row.hits.failed) > 0,
    columns: [
      text("tag", (row) =>
        named({ scenario: row.scenario, name: row.value ? `${row.name}=${row.value}` : row.name }),
      ),
      ...hitColumns(),
    ],
  },
  {
    id: "sockets",
    title: "Sockets",
    noun: "socket",
    rows: (summary) => summary.sockets?.names ?? [],
    key: (row) => JSON.stringify([row.scenario, row.protocol, row.name]),
    bad: (row) => Number(row.sockets.broken) > 0,
    columns: [
      text("name", named),
      ...["opened", "closed", "broken"].map((field) =>
        countColumn(field, (row) => row.sockets[field]),
      ),
      countColumn("sent", (row) => row.sockets.messagesSent),
      countColumn("received", (row) => row.sockets.messagesReceived),
      ...timeColumns((row) => row.sockets.gaps, ["p50", "p95", "max"], "gap "),
    ],
  },
  {
    id: "data",
    title: "Rows from files",
    noun: "file",
    rows: (summary) => summary.data,
    key: (row) => JSON.stringify([row.scenario, row.file, row.mode]),
    columns: [
      text("file", (row) => named({ scenario: row.scenario, name: row.file })),
      text("shared out", (row) => word(row.mode, "DATA_MODE_").replaceAll(" ", "-")),
      ...["rows", "taken", "repeated", "refused", "stopped"].map((field) =>
        countColumn(field, (row) => row[field]),
      ),
    ],
  },
  {
    id: "agents",
    title: "Agents",
    noun: "agent",
    rows: (summary) => summary.agents.map((each) => ({ ...each, all: Number(summary.hits.count) })),
    key: (row) => row.agentId,
    bad: (row) => ["ASSIGNMENT_STATE_LOST", "ASSIGNMENT_STATE_LOAD_FAILED"].includes(row.state),
    columns: [
      text("agent", (row) => oneLine(row.agentId)),
      text("host", (row) => oneLine(row.hostname)),
      text("state", (row) => word(row.state, "ASSIGNMENT_STATE_")),
      countColumn("users", (row) => row.users),
      countColumn("hits", (row) => row.hits),
      {
        title: "share",
        figure: true,
        text: (row) => percent(Number(row.hits), row.all),
        value: (row) => Number(row.hits),
      },
      countColumn("iterations", (row) => row.iterations),
      ...timeColumns((row) => row.generator?.lag, ["p99", "max"], "lag "),
      {
        title: "CPU",
        figure: true,
        text: (row) => (row.generator?.cpu ? percent(row.generator.cpu, 1) : NONE),
        value: (row) => row.generator?.cpu ?? 0,
      },
      {
        title: "clock",
        text: (row) => clockText(row.clockOffset),
        value: (row) => nanoseconds(row.clockOffset),
      },
      { title: "why", class: "wide", text: (row) => oneLine(row.reason) },
    ],
  },
  {
    id: "losses",
    title: "Lost events",
    noun: "loss",
    rows: (summary) => summary.accounting?.losses ?? [],
    bad: () => true,
    key: (row) => JSON.stringify([row.agentId, row.reason]),
    columns: [
      { title: "reason", class: "wide", text: (row) => oneLine(row.reason) },
      {
        title: "count",
        figure: true,
        text: (row) => (row.atLeast ? `at least ${row.count}` : String(row.count)),
        value: (row) => Number(row.count),
      },
      text("agent", (row) => oneLine(row.agentId)),
    ],
  },
  {
    id: "notifications",
    title: "Notifications",
    noun: "notification",
    rows: (summary) => summary.notifications,
    key: (row) => JSON.stringify([row.observer, row.change, row.event]),
    bad: (row) => row.state === "NOTIFICATION_STATE_GIVEN_UP",
    columns: [
      text("observer", (row) => oneLine(row.observer)),
      text("of", (row) => word(row.event, "OBSERVER_EVENT_")),
      text("state", (row) => word(row.state, "NOTIFICATION_STATE_")),
      { title: "why", class: "wide", text: (row) => oneLine(row.reason) },
    ],
  },
];

function isIterations({ userFixture }) {
  return !userFixture || userFixture.endsWith("_UNSPECIFIED");
}

/** How far a clock is ahead of the broker's, or behind. */
function clockText(offset) {
  if (offset === null || offset === undefined) return NONE;
  const ns = nanoseconds(offset);
  if (Math.abs(ns) < 1e6) return "same";
  const far = Math.abs(ns) < 1e9 ? duration(Math.abs(ns)) : span(Math.round(Math.abs(ns) / 1e9));
  return `${far} ${ns > 0 ? "ahead" : "behind"}`;
}

function made({ rows, ...options }) {
  return { table: new Table(options), rows };
}

/** The table of thresholds; `zoom(result)` shows its worst window in the charts. */
export function thresholds(zoom) {
  return made(thresholdTable(zoom));
}

/** All others: `{table, rows(summary)}`. */
export function otherTables() {
  return SIMPLE.map(made);
}
