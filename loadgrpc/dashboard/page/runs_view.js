// All runs of a broker: find one, look at it, compare some, start another.

import { button, el, runLink, say, sparkline } from "./element.js";
import { NONE, ago, duration, epochMs, nanoseconds, percent, rate, tookMs } from "./figures.js";
import { Notices } from "./notices.js";
import { labelOf } from "./plan.js";
import { Repeated } from "./repeated.js";
import { badge, isOver, standing, verdictWord } from "./state.js";
import { Table } from "./table.js";
import { Trends } from "./trends.js";
import { oneLine } from "./text.js";

const EVERY_MS = 5000;
const MOST_COMPARED = 5;

const SHOWN = {
  all: ["All runs", () => true],
  active: ["Active", (run) => !isOver(run)],
  passed: ["Passed", (run) => verdictWord(run) === "passed"],
  other: ["Not passed", (run) => isOver(run) && verdictWord(run) !== "passed"],
};

/** See the module. */
export class RunsView {
  chosen = new Set();
  runs = [];
  shown = "all";

  constructor({ source, web, go }) {
    Object.assign(this, { source, go });
    this.compare = button(
      "Compare",
      () => go(`#/compare/${[...this.chosen].map(encodeURIComponent).join(",")}`),
      { disabled: true },
    );
    this.trouble = new Notices();
    this.empty = el("p", { class: "quiet", hidden: true });
    this.trends = new Trends(source, () => this.#draw());
    this.table = this.#table();
    const start = web.control
      ? el("a", { class: "button main", href: "#/start" }, "Start a run")
      : null;
    const select = el(
      "select",
      { "aria-label": "Which runs", on: { change: () => this.#show(select.value) } },
      Object.entries(SHOWN).map(([value, [text]]) => el("option", { value }, text)),
    );
    this.table.element
      .querySelector(".table-head")
      .append(select, el("span", { class: "buttons" }, source.frozen ? null : this.compare, start));
    this.element = el("article", {}, this.trouble.element, this.table.element, this.empty);
    this.loading = new Repeated(source.frozen ? null : EVERY_MS, () => this.#load());
  }

  async open() {
    document.title = "Runs – loadgrpc";
    await this.loading.begin();
  }

  close() {
    this.loading.close();
    this.trends.close();
  }

  #table() {
    return new Table({
      id: "runs",
      title: "Runs",
      noun: "run",
      filter: true,
      level: "h1",
      key: (run) => run.runId,
      bad: (run) => isOver(run) && !["passed", "stopped"].includes(verdictWord(run)),
      columns: [
        {
          title: "run",
          text: (run) => labelOf(run.plan),
          node: (run) => runLink(run.runId, labelOf(run.plan)),
          value: (run) => labelOf(run.plan),
        },
        { title: "state", text: standing, node: badge, value: standing },
        {
          title: "created",
          text: (run) => ago(Date.now() - epochMs(run.createTime)),
          value: (run) => epochMs(run.createTime),
          hint: "newest first",
        },
        { title: "took", figure: true, text: (run) => duration(tookMs(run) * 1e6), value: tookMs },
        {
          title: "hits",
          figure: true,
          text: (run) => run.figures?.hits ?? NONE,
          value: (run) => Number(run.figures?.hits ?? -1),
        },
        {
          title: "rate",
          figure: true,
          text: (run) => (run.figures ? rate(run.figures.rate) : NONE),
          value: (run) => run.figures?.rate ?? -1,
        },
        {
          title: "p95",
          figure: true,
          text: (run) =>
            nanoseconds(run.figures?.p95) ? duration(nanoseconds(run.figures.p95)) : NONE,
          value: (run) => nanoseconds(run.figures?.p95),
        },
        {
          title: "failed",
          figure: true,
          text: (run) =>
            run.figures ? percent(Number(run.figures.failed), Number(run.figures.hits)) : NONE,
          value: (run) => Number(run.figures?.failed ?? 0) / Number(run.figures?.hits || 1),
        },
        ...(this.source.frozen
          ? []
          : [{ title: "compare", text: (run) => run.runId, node: (run) => this.#box(run) }]),
        {
          title: "rate by time",
          text: (run) => this.trends.of(run).join(),
          node: (run) => sparkline(this.trends.of(run)),
        },
        {
          title: "agents",
          figure: true,
          text: (run) => String(run.agentIds.length || run.plan.agents || 1),
          value: (run) => run.agentIds.length || run.plan.agents,
        },
        { title: "labels", text: (run) => run.plan.labels.map(oneLine).join(", ") },
        { title: "by", text: (run) => oneLine(run.plan.userId) },
        { title: "id", class: "id", text: (run) => oneLine(run.runId) },
      ],
    });
  }

  #box(run) {
    const box = el("input", {
      type: "checkbox",
      "aria-label": `Compare ${run.runId}`,
      on: { change: () => this.#choose(run, box) },
    });
    box.checked = this.chosen.has(run.runId);
    return box;
  }

  #choose(run, box) {
    if (box.checked) this.chosen.add(run.runId);
    else this.chosen.delete(run.runId);
    const count = this.chosen.size;
    this.compare.disabled = count < 2 || count > MOST_COMPARED;
    say(
      this.compare,
      count > MOST_COMPARED
        ? `Compare at most ${MOST_COMPARED}`
        : count
          ? `Compare ${count}`
          : "Compare",
    );
  }

  #show(value) {
    this.shown = value;
    this.#draw();
    this.trends.look(this.#wanted());
  }

  async #load() {
    try {
      const { runs, storeTrouble } = await this.source.runs();
      if (this.loading.closed) return;
      this.runs = runs;
      this.trouble.show(storeTrouble ? [`Runs that are over may be missing: ${storeTrouble}`] : []);
    } catch (error) {
      this.trouble.show([`Not up to date: ${error.message}`]);
    }
    this.#draw();
    this.trends.look(this.#wanted());
  }

  /** The runs that are shown. */
  #wanted() {
    const [, isWanted] = SHOWN[this.shown];
    return this.runs.filter(isWanted);
  }

  #draw() {
    const shown = this.#wanted();
    this.table.update(shown);
    this.table.element.hidden = false;
    this.empty.hidden = shown.length > 0;
    say(
      this.empty,
      this.runs.length
        ? "No such runs."
        : "No runs yet: loadgrpc run TEST -b HOST:PORT starts one.",
    );
  }
}
