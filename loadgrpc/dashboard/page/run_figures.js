// The figures of a run that matter most, large, each with how it went so far; and beneath them the
// facts: what was asked for, when, by whom.

import { el, say, sparkline } from "./element.js";
import {
  NONE,
  clock,
  counted,
  duration,
  epochMs,
  moment,
  nanoseconds,
  percent,
  pointText,
  rate,
  responseOf,
  size,
} from "./figures.js";
import { loadOf } from "./plan.js";
import { oneLine } from "./text.js";

/**
 * What is shown: the value and what stands beneath it, of a summary, and of the progress of an
 * active run (null: it is over); `trend` is the column that the small line shows.
 */
const FIGURES = [
  {
    id: "rate",
    title: "Hits per second",
    value: (summary, progress) => rate(progress ? progress.rate : summary.hits.rate),
    below: (summary, progress) => (progress ? "last 5 seconds" : "over the run"),
    trend: (timeline) => timeline.of("hits.rate"),
  },
  {
    id: "hits",
    title: "Hits",
    value: (summary, progress) => String(progress?.hits ?? summary.hits.count),
    below: (summary) => {
      const { bytesReceived, bytesSent } = summary.hits;
      return Number(bytesReceived) || Number(bytesSent)
        ? `${size(Number(bytesReceived))} received`
        : "";
    },
  },
  {
    id: "failed",
    title: "Failed hits",
    value: (summary, progress) => String(progress?.failedHits ?? summary.hits.failed),
    below: (summary, progress) =>
      percent(
        Number(progress?.failedHits ?? summary.hits.failed),
        Number(progress?.hits ?? summary.hits.count),
      ),
    bad: (summary, progress) => Number(progress?.failedHits ?? summary.hits.failed) > 0,
    trend: (timeline) => timeline.of("hits.failed"),
  },
  {
    id: "p50",
    title: "Response p50",
    value: (summary) => pointText(responseOf(summary.hits), "p50"),
    below: (summary) => `mean ${pointText(responseOf(summary.hits), "avg")}`,
    trend: (timeline) => timeline.response("p50"),
  },
  {
    id: "p95",
    title: "Response p95",
    value: (summary) => pointText(responseOf(summary.hits), "p95"),
    below: (summary) =>
      summary.hits.response ? `service ${pointText(summary.hits.elapsed, "p95")}` : "",
    trend: (timeline) => timeline.response("p95"),
  },
  {
    id: "p99",
    title: "Response p99",
    value: (summary) => pointText(responseOf(summary.hits), "p99"),
    below: (summary) => `max ${pointText(responseOf(summary.hits), "max")}`,
    trend: (timeline) => timeline.response("p99"),
  },
  {
    id: "users",
    title: "Virtual users",
    value: (summary, progress) =>
      String(progress ? progress.users : (summary.users?.started ?? NONE)),
    below: (summary, progress) => (progress ? "running" : ofPlanned(summary.users)),
    trend: (timeline) => timeline.of("users"),
  },
  {
    id: "iterations",
    title: "Iterations",
    value: (summary, progress) => String((progress?.iterations ?? summary.iterations).started),
    below: (summary, progress) => outcomes(progress?.iterations ?? summary.iterations),
    bad: (summary, progress) => broken(progress?.iterations ?? summary.iterations),
    trend: (timeline) => (timeline.has("started") ? timeline.perSecond("started") : []),
  },
];

/** Of how many users were planned; open loads plan none. */
function ofPlanned(users) {
  return Number(users?.planned) ? `of ${users.planned} planned` : "started";
}

function broken({ failure, error, dropped }) {
  return Number(failure) + Number(error) + Number(dropped) > 0;
}

function outcomes(iterations) {
  const told = ["failure", "error", "dropped", "late"]
    .filter((field) => Number(iterations[field] ?? 0))
    .map((field) => `${iterations[field]} ${field}`);
  const planned = Number(iterations.planned) ? [`of ${iterations.planned} planned`] : [];
  return [...planned, ...told].join(", ") || `${iterations.success} success`;
}

/** See the module. */
export class RunFigures {
  constructor() {
    this.cards = FIGURES.map((figure) => {
      const value = el("span", { class: "value", "data-figure": figure.id });
      const below = el("span", { class: "quiet below" });
      const trend = el("span", { class: "trend" });
      const element = el(
        "div",
        { class: "big" },
        el("dt", {}, figure.title),
        el("dd", {}, value, trend, below),
      );
      return { figure, element, value, below, trend };
    });
    this.element = el(
      "dl",
      { class: "bigs" },
      this.cards.map(({ element }) => element),
    );
  }

  update({ summary, progress, timeline }) {
    for (const { figure, element, value, below } of this.cards) {
      say(value, figure.value(summary, progress));
      say(below, figure.below(summary, progress));
      element.classList.toggle("bad", Boolean(figure.bad?.(summary, progress)));
    }
    if (!timeline || (this.timeline === timeline && this.revision === timeline.revision)) return;
    this.timeline = timeline;
    this.revision = timeline.revision;
    for (const { figure, trend } of this.cards) {
      if (figure.trend) trend.replaceChildren(sparkline(figure.trend(timeline)));
    }
  }
}

/** What was asked for and when, as pairs of a name and a text. */
export function factsOf(summary, progress, nowMs) {
  const { plan } = summary;
  const start = epochMs(summary.startTime);
  const facts = [["Load", loadOf(plan)]];
  if (plan.serverUrl) facts.push(["Server", oneLine(plan.serverUrl)]);
  if (start === null) facts.push(["Created", moment(epochMs(summary.createTime))]);
  else facts.push(["Started", moment(start)]);
  if (nanoseconds(summary.duration))
    facts.push(["Duration", duration(nanoseconds(summary.duration))]);
  else if (start !== null) facts.push(["Duration", clock(Math.max(nowMs - start, 0) * 1e6)]);
  if (progress?.timeLeft) facts.push(["Left", clock(nanoseconds(progress.timeLeft))]);
  if (progress?.cycles > 1) facts.push(["Cycle", `${progress.cycle} of ${progress.cycles}`]);
  facts.push(["Agents", String(summary.agents.length || plan.agents || 1)]);
  if (plan.projectName) facts.push(["Project", oneLine(plan.projectName)]);
  if (plan.userId) facts.push(["By", oneLine(plan.userId)]);
  if (plan.labels.length) facts.push(["Labels", plan.labels.map(oneLine).join(", ")]);
  if (summary.coverage)
    facts.push(["Rules", `${summary.coverage.exercised} of ${summary.coverage.rules} exercised`]);
  if (Number(summary.output?.lines)) facts.push(["Printed", counted(summary.output.lines, "line")]);
  if (summary.customStates.length) facts.push(["Doing", doing(summary.customStates)]);
  if (summary.attempt > 1) facts.push(["Attempt", String(summary.attempt)]);
  return facts;
}

/** What tests said last that they were doing: each state, and on how many agents. */
function doing(states) {
  const found = new Map();
  for (const { state } of states) found.set(state.name, (found.get(state.name) ?? 0) + 1);
  return oneLine(
    [...found].map(([name, count]) => (count > 1 ? `${name} (${count})` : name)).join(", "),
  );
}
