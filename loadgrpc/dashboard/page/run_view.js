// One run: how it stands, its charts, its tables. The same view for a live run and a frozen report.

import { logTable, marksOf } from "./changes.js";
import { Controls } from "./controls.js";
import { described, el, say } from "./element.js";
import { duration, epochMs, nanoseconds, percent } from "./figures.js";
import { hitTables, NamesTable } from "./hit_tables.js";
import { LiveRun } from "./live_run.js";
import { Notices } from "./notices.js";
import { labelOf } from "./plan.js";
import { RunCharts } from "./run_charts.js";
import { factsOf, RunFigures } from "./run_figures.js";
import { otherTables, thresholds } from "./run_tables.js";
import { badge, isOver, verdictText } from "./state.js";
import { oneLine } from "./text.js";

/** See the module. */
export class RunView {
  constructor({ source, web, runId, go }) {
    this.frame = null;
    Object.assign(this, { source, web, runId, go });
    this.live = new LiveRun(source, runId, () => this.#changed());
    this.title = el("h1", {}, "Run");
    this.state = el("p", { class: "state" });
    this.facts = el("dl", { class: "facts" });
    this.notices = new Notices();
    this.figures = new RunFigures();
    this.charts = new RunCharts({
      zoomed: (range) => this.live.look(range),
      ofAll: () => this.#choose(null),
    });
    this.charts.element.id = "charts";
    this.thresholds = thresholds((result) => this.#zoom(result));
    this.names = new NamesTable((entry) => this.#choose(entry));
    this.tables = [...hitTables(), ...otherTables()];
    this.accounting = el("p", { class: "quiet", "data-figure": "accounting" });
    this.log = logTable();
    this.controls = el("div", { class: "controls" });
    this.element = el(
      "article",
      { class: "run" },
      el("div", { class: "run-head" }, el("div", {}, this.title, this.state), this.controls),
      this.facts,
      this.notices.element,
      this.figures.element,
      this.thresholds.table.element,
      this.charts.element,
      this.names.element,
      el(
        "div",
        { class: "tables" },
        this.tables.map(({ table }) => table.element),
      ),
      this.accounting,
      this.log.element,
    );
  }

  async open() {
    await this.live.open();
    document.title = `${labelOf(this.live.run.plan)} – loadgrpc`;
    this.buttons = new Controls(this);
    this.controls.replaceChildren(this.buttons.element);
    this.buttons.update(this.live);
  }

  close() {
    this.live.close();
    this.charts.close();
    cancelAnimationFrame(this.frame ?? 0);
  }

  /** Draws what has changed with the next frame, once, however much has changed until then. */
  #changed() {
    this.frame ??= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.frame = null;
    const { run, summary, progress, timeline, changes, away, name } = this.live;
    const shown = isOver(run) || this.source.frozen ? null : progress;
    say(this.title, labelOf(run.plan));
    this.#drawState(run, summary);
    this.#drawFacts(summary, shown);
    this.#drawNotices(run, summary, shown, away);
    this.figures.update({ summary, progress: shown, timeline: name ? null : timeline });
    const results = shown?.thresholds?.length ? shown.thresholds : summary.thresholds;
    this.charts.show(timeline, { thresholds: results, marks: marksOf(changes), name });
    this.buttons?.update(this.live);
    if (this.drawn === summary && this.logged === changes.length) return;
    this.drawn = summary;
    this.logged = changes.length;
    this.thresholds.table.update(results);
    this.names.update(summary);
    for (const { table, rows } of this.tables) table.update(rows(summary));
    say(this.accounting, accountingText(summary));
    this.log.update(changes);
  }

  #drawState(run, summary) {
    const over = isOver(run);
    const text = over
      ? verdictText(summary.verdict)
      : run.waiting?.reason || run.reason || summary.verdict?.reason;
    const key = JSON.stringify([run.state, summary.verdict, text]);
    if (this.stated === key) return;
    this.stated = key;
    this.state.replaceChildren(
      badge(run),
      " ",
      el("code", {}, oneLine(run.runId)),
      " ",
      el("span", {}, oneLine(text ?? "")),
    );
  }

  #drawFacts(summary, progress) {
    const facts = factsOf(summary, progress, Date.now());
    const key = JSON.stringify(facts);
    if (this.stood === key) return;
    this.stood = key;
    this.facts.replaceChildren(...described(facts));
  }

  /** What may make figures doubtful, in sentences. */
  #drawNotices(run, summary, progress, away) {
    const told = [];
    if (away) told.push(`Not up to date: ${away}`);
    for (const trouble of progress?.troubles ?? run.troubles ?? []) told.push(trouble.message);
    if (run.reason && isOver(run) && run.reason !== summary.verdict?.reason) told.push(run.reason);
    const saturated = saturatedText(summary.generator);
    if (saturated) told.push(saturated);
    else if (progress?.saturated)
      told.push("A process that generates the load cannot keep up with it at present.");
    this.notices.show(told);
  }

  async #choose(name) {
    this.charts.element.scrollIntoView({ block: "start" });
    try {
      await this.live.choose(name);
    } catch (error) {
      this.live.away = error.message;
      this.#changed();
    }
  }

  /** Shows the worst window of a threshold, with as much before and after it. */
  #zoom(result) {
    const from = epochMs(result.windowStart) / 1000;
    const length = Math.max(nanoseconds(result.windowLength) / 1e9, 1);
    this.charts.element.scrollIntoView({ block: "start" });
    this.charts.group.zoom(from - 2 * length, from + 3 * length);
  }
}

function accountingText({ accounting }) {
  if (!accounting || !Number(accounting.committed)) return "";
  const { committed, duplicates, rejected, lost, rejections, mismatches } = accounting;
  const stored = `Events: ${committed} committed, ${duplicates} duplicates refused`;
  const counts = `${stored}, ${rejected} rejected, ${lost} lost.`;
  return [
    counts,
    ...rejections.map((each) => `Rejected: ${each}.`),
    ...mismatches.map((each) => `Count mismatch: ${each}.`),
  ]
    .map(oneLine)
    .join(" ");
}

/** Why the processes that generated the load did not keep up with it; empty: they did. */
function saturatedText(generator) {
  if (!generator?.saturated) return "";
  const watched = duration(nanoseconds(generator.watchedTime));
  const long = `for ${duration(nanoseconds(generator.saturatedTime))} of ${watched}`;
  const busy = nanoseconds(generator.machineBusyTime);
  const limit = nanoseconds(generator.atLimitTime);
  const rest = nanoseconds(generator.saturatedTime) - busy - limit;
  const doubtful = "Rates of that time may be too low, and times too long by up to its lag.";
  if (limit >= busy && limit >= rest)
    return `Saturated: ${long} the load generator was at its limit. ${doubtful}`;
  if (busy >= rest) {
    const others = percent(generator.worstOtherCpu, 1);
    return (
      `The machine was busy: ${long} the load generator had to wait for a processor; other` +
      ` processes used up to ${others} of it. ${doubtful}`
    );
  }
  return (
    `Held up: ${long} the load generator noticed answers late, though it was not at its limit.` +
    ` ${doubtful}`
  );
}
