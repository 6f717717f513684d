// Tables about hits: by name, those that failed, and statuses; and exceptions of iterations.

import { button, el } from "./element.js";
import { counted, nanoseconds, percent, pointText, rate, responseOf } from "./figures.js";
import { shortener, statusText } from "./names.js";
import { Table } from "./table.js";
import { oneLine, printable, word } from "./text.js";

export const POINTS = ["avg", "min", "p50", "p90", "p95", "p99", "max"];
const OTHER = "(other)";

/** Columns of times: `of(row)` are ElapsedFigures, `before` stands before the title of each. */
export function timeColumns(of, points = POINTS, before = "") {
  return points.map((point) => ({
    title: `${before}${point}`,
    figure: true,
    text: (row) => pointText(of(row), point),
    value: (row) => nanoseconds(of(row)?.[point]),
  }));
}

/** A column of a count, `of(row)`, which is a text of digits or a number. */
export function countColumn(title, of) {
  return { title, figure: true, text: (row) => String(of(row)), value: (row) => Number(of(row)) };
}

/** Columns of HitFigures. */
export function hitColumns(of = (row) => row.hits) {
  return [
    countColumn("hits", (row) => of(row).count),
    countColumn("failed", (row) => of(row).failed),
    {
      title: "share",
      figure: true,
      hint: "of the hits that failed",
      text: (row) => percent(Number(of(row).failed), Number(of(row).count)),
      value: (row) => Number(of(row).failed) / Number(of(row).count),
    },
    {
      title: "rate",
      figure: true,
      text: (row) => rate(of(row).rate),
      value: (row) => of(row).rate,
    },
    ...timeColumns((row) => of(row).elapsed),
  ];
}

const nameKey = ({ scenario, protocol, method, name }) =>
  JSON.stringify([scenario, protocol, method, name]);

/** Hits by name. `pick(entry)` shows the charts of one. */
export class NamesTable {
  constructor(pick) {
    this.pick = pick;
    this.element = el("div");
    this.short = () => "";
  }

  update(summary) {
    this.short = shortener(summary);
    const apart = summary.names.some((each) => each.hits.response);
    const retried = summary.names.some((each) => Number(each.retries));
    const kind = `${apart}${retried}`;
    if (this.kind !== kind) this.#rebuild(kind, apart, retried);
    this.table.update(summary.names);
  }

  #rebuild(kind, apart, retried) {
    this.kind = kind;
    const text = (row) => this.short(row);
    const name = {
      title: "name",
      text,
      node: (row) =>
        button(text(row), () => this.pick(row), { class: "link", title: "Show its charts" }),
      value: text,
    };
    const response = apart
      ? timeColumns(
          (row) => responseOf(row.hits),
          ["p50", "p95", "p99"],
          "response ",
        )
      : [];
    const retries = retried ? [countColumn("retries", (row) => row.retries)] : [];
    this.table = new Table({
      id: "names",
      title: "Hits by name",
      noun: "name",
      filter: true,
      key: nameKey,
      columns: [name, ...hitColumns(), ...response, ...retries],
      bad: (row) => Number(row.hits.failed) > 0,
    });
    this.element.replaceChildren(this.table.element);
  }
}

/** What failed, and how often: `{count, what, name}`. */
function failedHits(summary) {
  const short = shortener(summary);
  const answered = summary.names.flatMap((entry) =>
    Object.entries(entry.failedStatuses).map(([status, count]) => ({
      count: Number(count),
      what: statusText(entry.protocol, status),
      name: short(entry),
    })),
  );
  const others = summary.hitErrors.map((group) => ({
    count: Number(group.count),
    what: sentence(group),
    name: short({ method: group.method, name: group.name }),
  }));
  const groups = [...answered, ...others];
  groups.sort((a, b) => a.name.startsWith(OTHER) - b.name.startsWith(OTHER) || b.count - a.count);
  const rest = Number(summary.hits.failed) - groups.reduce((sum, { count }) => sum + count, 0);
  if (rest > 0) groups.push({ count: rest, what: "with other statuses", name: OTHER });
  return groups;
}

function sentence({ error, errorMessage }) {
  const kind = error === "HIT_ERROR_UNSPECIFIED" ? "" : word(error, "HIT_ERROR_");
  return oneLine([kind, errorMessage].filter(Boolean).join(": "));
}

/** How many answers had each status: `{what, count, failed}`. */
function statuses(summary) {
  const found = new Map();
  const noted = (protocol, status) => {
    const what = Number(status) ? statusText(protocol, status) : "answers without a status";
    if (!found.has(what)) found.set(what, { what, count: 0, failed: 0 });
    return found.get(what);
  };
  let answers = 0;
  for (const entry of summary.names) {
    for (const [status, count] of Object.entries(entry.statuses)) {
      noted(entry.protocol, status).count += Number(count);
      answers += Number(count);
    }
    for (const [status, count] of Object.entries(entry.failedStatuses)) {
      noted(entry.protocol, status).failed += Number(count);
    }
  }
  const rows = [...found.values()].sort((a, b) =>
    a.what.localeCompare(b.what, undefined, { numeric: true }),
  );
  const silent = Number(summary.hits.count) - answers;
  if (silent > 0 && summary.names.length)
    rows.push({ what: "no answer", count: silent, failed: silent });
  return rows;
}

/** `ValueError: what was wrong`, and its traceback, which unfolds. */
function exceptionNode({ type, message, traceback }) {
  const text = oneLine([type, message].filter(Boolean).join(": "));
  if (!traceback) return el("span", {}, text);
  return el(
    "details",
    {},
    el("summary", {}, text),
    el("pre", { tabindex: "0" }, printable(traceback.trimEnd())),
  );
}

function exceptionText({ exception, test }) {
  return test === OTHER
    ? "others"
    : oneLine([exception.type, exception.message].filter(Boolean).join(": "));
}

/** A table of groups of exceptions. */
function exceptionTable(title, id, groups, noun = "group") {
  const table = new Table({
    id,
    title,
    noun,
    bad: () => true,
    key: (row) =>
      JSON.stringify([
        row.test,
        row.exception?.type,
        row.exception?.message,
        row.exception?.traceback,
      ]),
    columns: [
      {
        title: "exception",
        class: "wide",
        text: exceptionText,
        node: (row) =>
          row.test === OTHER ? el("span", {}, "others") : exceptionNode(row.exception),
        value: exceptionText,
      },
      countColumn("count", (row) => row.count),
      { title: "test", text: (row) => oneLine(row.test) },
    ],
  });
  return { table, rows: groups };
}

/** The tables of this file but that of names: `{table, rows(summary)}`. */
export function hitTables() {
  const failed = new Table({
    id: "failed-hits",
    title: "Failed hits",
    noun: "group",
    bad: () => true,
    filter: true,
    key: (row) => JSON.stringify([row.what, row.name]),
    columns: [
      { title: "what", class: "wide", text: (row) => row.what },
      countColumn("count", (row) => row.count),
      { title: "name", text: (row) => row.name },
    ],
  });
  const answers = new Table({
    id: "statuses",
    title: "Statuses",
    noun: "status",
    plural: "statuses",
    key: (row) => row.what,
    bad: (row) => row.failed > 0,
    columns: [
      { title: "status", text: (row) => row.what },
      countColumn("hits", (row) => row.count),
      countColumn("failed", (row) => row.failed),
    ],
  });
  return [
    { table: failed, rows: failedHits },
    exceptionTable("Failures", "failures", (summary) => summary.failures),
    exceptionTable("Errors", "errors", (summary) => summary.errors),
    exceptionTable("Errors of users", "user-errors", (summary) =>
      summary.tests.flatMap((each) => each.errors),
    ),
    exceptionTable("Test not loaded", "not-loaded", notLoaded, "reason"),
    { table: answers, rows: statuses },
  ];
}

/** Why agents could not load the test, one entry for each reason. */
function notLoaded(summary) {
  const found = new Map();
  for (const { agentId, loadError } of summary.agents) {
    if (!loadError) continue;
    const key = JSON.stringify(loadError);
    const group = found.get(key) ?? { exception: loadError, agents: [] };
    group.agents.push(agentId);
    found.set(key, group);
  }
  return [...found.values()].map(({ exception, agents }) => ({
    exception,
    count: agents.length,
    test: `on ${counted(agents.length, "agent")}: ${agents.slice(0, 3).join(", ")}`,
  }));
}
