// Runs compared: their figures side by side, what can be said of the differences, and their charts
// over one another. The first run is what the others are compared with; its lines are dashed.

import { Chart } from "./chart.js";
import { ChartGroup } from "./chart_group.js";
import { el, runLink } from "./element.js";
import {
  duration,
  epochMs,
  nanoseconds,
  number,
  percent,
  pointText,
  rate,
  responseOf,
  tookMs,
} from "./figures.js";
import { labelOf } from "./plan.js";
import { badge } from "./state.js";
import { Table } from "./table.js";
import { oneLine, word } from "./text.js";
import { tickNumber, tickTime } from "./ticks.js";
import { resolutionFor } from "./timeline.js";

const COLOURS = ["--quiet", "--blue", "--rose", "--teal", "--amber"];
const LETTERS = ["A", "B", "C", "D", "E"];
const POINTS = ["p50", "p90", "p95", "p99", "max"];
const WORDS = { BETTER: "better", SAME: "same", WORSE: "worse", CANNOT_TELL: "cannot tell" };

const CHARTS = [
  {
    title: "Hits per second",
    format: rate,
    tick: tickNumber,
    of: (timeline) => timeline.of("hits.rate"),
  },
  {
    title: "Failed hits per second",
    format: rate,
    tick: tickNumber,
    of: (timeline) => timeline.perSecond("hits.failed"),
  },
  {
    title: "Response time p50",
    format: duration,
    tick: tickTime,
    of: (timeline) => timeline.response("p50"),
  },
  {
    title: "Response time p95",
    format: duration,
    tick: tickTime,
    of: (timeline) => timeline.response("p95"),
  },
  {
    title: "Response time p99",
    format: duration,
    tick: tickTime,
    of: (timeline) => timeline.response("p99"),
  },
  {
    title: "Virtual users",
    format: String,
    tick: tickNumber,
    of: (timeline) => timeline.of("users"),
  },
];

/** See the module. */
export class CompareView {
  constructor({ source, runIds }) {
    Object.assign(this, { source, runIds });
    this.group = new ChartGroup({ relative: true });
    this.element = el(
      "article",
      {},
      el("h1", {}, "Compare runs"),
      el("p", { class: "quiet" }, "Loading …"),
    );
  }

  async open() {
    document.title = "Compare runs – loadgrpc";
    const { source, runIds } = this;
    const summaries = await Promise.all(runIds.map((runId) => source.summary(runId)));
    const seconds = Math.max(...summaries.map((summary) => tookMs(summary) / 1000), 1);
    const resolution = resolutionFor(seconds);
    const timelines = await Promise.all(
      runIds.map((runId) => source.timeline(runId, { resolution, plain: true })),
    );
    const told = el("div");
    const report = source.frozen
      ? null
      : el(
          "a",
          { class: "button", href: source.reportUrl(runIds), download: "comparison.html" },
          "Save as report",
        );
    this.element.replaceChildren(
      el(
        "div",
        { class: "run-head" },
        el("h1", {}, "Compare runs"),
        el("div", { class: "buttons" }, report),
      ),
      this.#runs(summaries),
      told,
      this.group.element,
      this.#sideBySide(summaries),
    );
    this.#charts(timelines, summaries);
    await this.#differences(told);
  }

  close() {
    this.group.close();
  }

  /** Which run has which letter and colour. */
  #runs(summaries) {
    return el(
      "ol",
      { class: "compared" },
      summaries.map((summary, at) =>
        el(
          "li",
          { "data-line": String(at) },
          el("strong", {}, LETTERS[at]),
          " ",
          badge(summary),
          " ",
          runLink(summary.runId, labelOf(summary.plan)),
          " ",
          el("code", {}, oneLine(summary.runId)),
        ),
      ),
    );
  }

  async #differences(told) {
    let comparisons;
    try {
      comparisons = await this.source.compare(this.runIds);
    } catch (error) {
      told.replaceChildren(el("p", { class: "notice" }, `Not compared: ${oneLine(error.message)}`));
      return;
    }
    const refused = comparisons.flatMap((each, at) =>
      each.refusals.map((why) => `${LETTERS[at + 1]} is not compared with A: ${oneLine(why)}`),
    );
    told.replaceChildren(...refused.map((text) => el("p", { class: "notice" }, text)));
    const table = differenceTable(comparisons);
    told.append(table.element);
    table.update(rowsOf(comparisons));
  }

  #charts(timelines, summaries) {
    const starts = summaries.map((summary, at) => startOf(summary, timelines[at]));
    const tables = timelines.map((timeline, at) =>
      timeline.start.map((second) => second - starts[at]),
    );
    for (const { title, format, tick, of } of CHARTS) {
      const lines = timelines.map((_, at) => ({
        label: LETTERS[at],
        colour: COLOURS[at],
        dash: at === 0 ? [6, 4] : undefined,
        width: at === 0 ? 2 : 1.5,
        spans: true,
      }));
      const chart = new Chart(this.group, { title, lines, format, tick });
      this.group.add(chart);
      const joined = uPlot.join(timelines.map((timeline, at) => [tables[at], of(timeline)]));
      chart.show(
        joined[0],
        joined.slice(1).map((column) => column.map((value) => value ?? null)),
      );
    }
  }

  #sideBySide(summaries) {
    const figures = [
      ["hits", (summary) => summary.hits.count],
      ["rate", (summary) => rate(summary.hits.rate)],
      ["failed", (summary) => `${summary.hits.failed} (${share(summary.hits)})`],
      ...POINTS.map((point) => [
        `response time ${point}`,
        (summary) => pointText(responseOf(summary.hits), point),
      ]),
      ["iterations", (summary) => summary.iterations.started],
      ["duration", (summary) => duration(nanoseconds(summary.duration))],
    ];
    const table = new Table({
      id: "side-by-side",
      title: "Side by side",
      noun: "figure",
      key: (row) => row[0],
      columns: [
        { title: "figure", text: (row) => row[0] },
        ...summaries.map((summary, at) => ({
          title: LETTERS[at],
          figure: true,
          text: (row) => String(row[1](summary)),
        })),
      ],
    });
    table.update(figures);
    return table.element;
  }
}

function share({ failed, count }) {
  return percent(Number(failed), Number(count));
}

/** When the axis of a run begins: at its first second, in seconds since 1970. */
function startOf(summary, timeline) {
  return timeline.start[0] ?? epochMs(summary.startTime ?? summary.createTime) / 1000;
}

/** What a figure is of: `all hits`, `GET /basket`. */
function whose({ scenario, method, name }) {
  if (!name) return "all hits";
  return oneLine(`${scenario ? `${scenario}: ` : ""}${method} ${name}`.trim());
}

/** One row for each figure: what is compared in each run. */
function rowsOf(comparisons) {
  const rows = new Map();
  comparisons.forEach((comparison, at) => {
    for (const each of comparison.figures) {
      const key = JSON.stringify([each.scenario, each.method, each.name, each.figure]);
      if (!rows.has(key)) rows.set(key, { key, figure: each, after: [] });
      rows.get(key).after[at] = each;
    }
  });
  return [...rows.values()];
}

/** A value, as its figure is read: times in seconds, rates per second, failures in percent. */
function shown(figure, value) {
  if (value === undefined || Number.isNaN(Number(value))) return "-";
  if (figure === "rate") return rate(Number(value));
  return figure === "failed"
    ? `${number(Number(value))} %`
    : duration(Math.round(Number(value) * 1e9));
}

function signed(value) {
  const plain = Number(value);
  return Number.isFinite(plain) ? `${plain < 0 ? "" : "+"}${plain.toFixed(1)}` : "-";
}

const outcome = (each) =>
  each ? (WORDS[each.outcome.replace("COMPARISON_OUTCOME_", "")] ?? word(each.outcome, "")) : "";

function differenceTable(comparisons) {
  const columns = comparisons.flatMap((_, at) => {
    const letter = LETTERS[at + 1];
    const unit = (row) => (row.figure.figure === "failed" ? " points" : " %");
    return [
      {
        title: letter,
        figure: true,
        text: (row) => shown(row.figure.figure, row.after[at]?.after),
        value: (row) => Number(row.after[at]?.after),
      },
      {
        title: `${letter} change`,
        figure: true,
        text: (row) => (row.after[at] ? `${signed(row.after[at].change)}${unit(row)}` : ""),
        value: (row) => Number(row.after[at]?.change),
      },
      {
        title: "between",
        figure: true,
        text: (row) =>
          row.after[at] ? `${signed(row.after[at].low)} to ${signed(row.after[at].high)}` : "",
        value: (row) => Number(row.after[at]?.low),
      },
      {
        title: `${letter} is`,
        text: (row) => outcome(row.after[at]),
        value: (row) => outcome(row.after[at]),
        node: (row) =>
          el(
            "span",
            { class: `outcome ${outcome(row.after[at]).replace(" ", "-")}` },
            outcome(row.after[at]),
          ),
      },
    ];
  });
  return new Table({
    id: "differences",
    title: "Differences",
    noun: "figure",
    filter: true,
    key: (row) => row.key,
    columns: [
      { title: "of", text: (row) => whose(row.figure) },
      { title: "figure", text: (row) => oneLine(row.figure.figure) },
      {
        title: "A",
        figure: true,
        text: (row) => shown(row.figure.figure, row.figure.before),
        value: (row) => Number(row.figure.before),
      },
      ...columns,
    ],
  });
}
