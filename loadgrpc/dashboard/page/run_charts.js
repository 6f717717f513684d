// The charts of a run: which there are, and what of the timeline each shows. Charts without
// anything to show are left out.

import { Chart } from "./chart.js";
import { ChartGroup } from "./chart_group.js";
import { button, el } from "./element.js";
import { duration, percent, rate, size } from "./figures.js";
import { Heat } from "./heat.js";
import { limitsOf } from "./limits.js";
import { oneLine } from "./text.js";
import { tickNumber, tickShare, tickSize, tickTime } from "./ticks.js";

const users = (value) => String(value);
const bytes = (value) => `${size(Math.round(value))}/s`;

/** Definitions: `of` makes the values of a line of a timeline; `if` says when there is one. */
const CHARTS = [
  {
    id: "rate",
    title: "Hits per second",
    format: rate,
    tick: tickNumber,
    lines: [
      { label: "hits", colour: "--blue", fill: true, of: (timeline) => timeline.of("hits.rate") },
      {
        label: "failed",
        colour: "--bad",
        fill: true,
        of: (timeline) => timeline.perSecond("hits.failed"),
      },
    ],
  },
  {
    id: "response",
    title: "Response time",
    format: duration,
    tick: tickTime,
    lines: [
      { label: "p50", colour: "--teal", of: (timeline) => timeline.response("p50") },
      { label: "p90", colour: "--blue", of: (timeline) => timeline.response("p90") },
      { label: "p95", colour: "--violet", width: 2, of: (timeline) => timeline.response("p95") },
      { label: "p99", colour: "--rose", of: (timeline) => timeline.response("p99") },
    ],
  },
  {
    id: "service",
    title: "Service time",
    hint: "from the actual start",
    format: duration,
    tick: tickTime,
    if: (timeline) => timeline.has("hits.response.p99"),
    lines: [
      { label: "p50", colour: "--teal", of: (timeline) => timeline.of("hits.elapsed.p50") },
      { label: "p90", colour: "--blue", of: (timeline) => timeline.of("hits.elapsed.p90") },
      {
        label: "p95",
        colour: "--violet",
        width: 2,
        of: (timeline) => timeline.of("hits.elapsed.p95"),
      },
      { label: "p99", colour: "--rose", of: (timeline) => timeline.of("hits.elapsed.p99") },
      {
        label: "response p95",
        colour: "--quiet",
        dash: [5, 4],
        of: (timeline) => timeline.response("p95"),
      },
    ],
  },
  {
    id: "heat",
    title: "Distribution of response times",
    hint: "stronger: more hits",
    format: duration,
    tick: tickTime,
    logarithmic: true,
    if: (timeline) => timeline.distribution.some((each) => each?.counts.length),
    lines: [
      { label: "p50", colour: "--ink", width: 1, of: (timeline) => timeline.response("p50") },
      {
        label: "p99",
        colour: "--ink",
        width: 1,
        dash: [4, 3],
        of: (timeline) => timeline.response("p99"),
      },
    ],
  },
  {
    id: "users",
    title: "Virtual users",
    format: users,
    tick: tickNumber,
    whole: true,
    if: (timeline) => timeline.has("users"),
    lines: [
      {
        label: "users",
        colour: "--blue",
        fill: true,
        stepped: true,
        of: (timeline) => timeline.of("users"),
      },
      {
        label: "arrivals that wait",
        colour: "--amber",
        stepped: true,
        if: (timeline) => timeline.has("waiting"),
        of: (timeline) => timeline.of("waiting"),
      },
    ],
  },
  {
    id: "arrivals",
    title: "Arrivals per second",
    format: rate,
    tick: tickNumber,
    whole: true,
    if: (timeline) => timeline.has("planned"),
    lines: [
      {
        label: "planned",
        colour: "--quiet",
        dash: [5, 4],
        of: (timeline) => timeline.perSecond("planned"),
      },
      { label: "started", colour: "--blue", of: (timeline) => timeline.perSecond("started") },
      {
        label: "dropped",
        colour: "--bad",
        fill: true,
        of: (timeline) => timeline.perSecond("dropped"),
      },
      { label: "late hits", colour: "--amber", of: (timeline) => timeline.perSecond("late") },
    ],
  },
  {
    id: "bytes",
    title: "Bytes per second",
    format: bytes,
    tick: tickSize,
    if: (timeline) => timeline.has("hits.bytesReceived") || timeline.has("hits.bytesSent"),
    lines: [
      {
        label: "received",
        colour: "--teal",
        fill: true,
        of: (timeline) => timeline.perSecond("hits.bytesReceived"),
      },
      { label: "sent", colour: "--violet", of: (timeline) => timeline.perSecond("hits.bytesSent") },
    ],
  },
  {
    id: "lag",
    title: "Lag of the load generator",
    hint: "above 5 ms it is saturated",
    format: duration,
    tick: tickTime,
    whole: true,
    if: (timeline) => timeline.has("lag.max"),
    lines: [
      { label: "p99", colour: "--violet", of: (timeline) => timeline.of("lag.p99") },
      { label: "largest", colour: "--quiet", of: (timeline) => timeline.of("lag.max") },
    ],
  },
  {
    id: "cpu",
    title: "CPU of the load generator",
    hint: "above 90 % it is saturated",
    format: (value) => percent(value, 1),
    tick: tickShare,
    whole: true,
    if: (timeline) => timeline.has("cpu.max"),
    lines: [
      { label: "busiest process", colour: "--violet", of: (timeline) => timeline.of("cpu.max") },
      { label: "mean", colour: "--quiet", of: (timeline) => timeline.of("cpu.avg") },
    ],
  },
];

/** The charts of a run, or of one of its names. */
export class RunCharts {
  /** `ofAll` leaves the choice of a name. */
  constructor({ zoomed, ofAll }) {
    this.shown = new Map();
    this.group = new ChartGroup({ zoomed });
    this.scope = el("p", { class: "scope", hidden: true });
    this.ofAll = ofAll;
    this.empty = el(
      "p",
      { class: "quiet", hidden: true },
      "Nothing to draw yet: no second of the run has closed, or none is kept.",
    );
    this.element = el("div", {}, this.scope, this.empty, this.group.element);
  }

  /** Shows a timeline; `name` is the name it is of, null: of all hits. */
  show(timeline, { thresholds, marks, name = null }) {
    this.#scoped(name);
    const drawn = JSON.stringify([name, timeline.revision, marks.length, thresholds]);
    if (this.timeline === timeline && this.drawn === drawn) return;
    Object.assign(this, { timeline, drawn });
    this.empty.hidden = timeline.size > 0;
    this.group.marks = marks;
    for (const definition of CHARTS) {
      const wanted = !(name && definition.whole) && (definition.if?.(timeline) ?? true);
      if (!wanted) {
        this.#leaveOut(definition);
        continue;
      }
      const lines = definition.lines.filter((line) => line.if?.(timeline) ?? true);
      const chart = this.#chart(definition, lines);
      chart.heat?.show(timeline);
      const limits = limitsOf(definition.id, thresholds, name);
      chart.show(
        timeline.start,
        lines.map((line) => line.of(timeline)),
        limits,
      );
    }
  }

  close() {
    this.group.close();
  }

  #scoped(name) {
    const key = name === null ? "" : JSON.stringify(name);
    if (this.scope.dataset.of === key) return;
    this.scope.dataset.of = key;
    this.scope.hidden = name === null;
    if (name === null) return;
    const back = button("Show all hits", this.ofAll);
    const text = oneLine(`${name.method} ${name.name}`.trim());
    this.scope.replaceChildren("Charts of ", el("strong", {}, text), " ", back);
  }

  #leaveOut({ id }) {
    const found = this.shown.get(id);
    if (found) found.chart.element.hidden = true;
  }

  /** A chart, made when it is first needed, or when it has other lines than before. */
  #chart(definition, lines) {
    const key = lines.map((line) => line.label).join();
    const known = this.shown.get(definition.id);
    if (known?.key === key) return known.chart;
    const heat = definition.logarithmic ? new Heat() : null;
    const chart = new Chart(this.group, { ...definition, lines, heat });
    chart.element.dataset.chart = definition.id;
    this.shown.set(definition.id, { key, chart });
    this.group.add(chart);
    if (known) {
      known.chart.close();
      this.group.charts = this.group.charts.filter((each) => each !== known.chart);
      known.chart.element.replaceWith(chart.element);
    }
    this.#inOrder();
    return chart;
  }

  #inOrder() {
    const wanted = CHARTS.map(({ id }) => this.shown.get(id)?.chart.element).filter(Boolean);
    const { grid } = this.group;
    if (wanted.some((each, at) => grid.children[at] !== each)) grid.replaceChildren(...wanted);
  }
}
