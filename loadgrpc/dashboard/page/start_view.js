// Start a run: a form, or a plan that is pasted. The broker checks it while it is typed; what is
// wrong stands at the field that is wrong.

import { button, el, freshId, say } from "./element.js";
import { asked, labelOf } from "./plan.js";
import { oneLine } from "./text.js";

const CHECK_MS = 400;

const list = (text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
const numbers = (text) => list(text).map((part) => (/^\d+$/u.test(part) ? Number(part) : part));
const lines = (text) =>
  text
    .split("\n")
    .map((part) => part.trim())
    .filter(Boolean);
const LENGTHS = { "": 1, s: 1, m: 60, min: 60, h: 3600, d: 86400 };

/** A duration as people type it, `90s` or `5m`, as the protocol has it; anything else as it is. */
function seconds(text) {
  const [, value, unit] = /^\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d|)\s*$/u.exec(text) ?? [];
  return value === undefined ? text : `${Number(value) * LENGTHS[unit]}s`;
}

/** The fields of the form: the field of RunSpec, and how its text is read. */
const FIELDS = [
  {
    name: "test",
    label: "Test",
    hint: "package.module.Class.method, or path/file.py::Class.method",
    read: (text) => text.trim(),
  },
  { name: "title", label: "Title", read: (text) => text.trim() },
  {
    name: "serverUrl",
    label: "Server",
    hint: "what tests see as self.server_url",
    read: (text) => text.trim(),
  },
  { name: "users", label: "Users", hint: "10, or 10, 20, 30 for three cycles", read: numbers },
  { name: "duration", label: "Duration", hint: "90s, 5m, 1h", read: seconds },
  {
    name: "iterations",
    label: "Iterations of a user",
    hint: "instead of a duration",
    read: numbers,
  },
  { name: "spawnRate", label: "Users started per second", read: Number },
  {
    name: "load",
    label: "Load in stages",
    hint: "instead of users: ramp 0..500/s in 1m; hold 5m",
    read: (text) => text.trim(),
  },
  { name: "agents", label: "Agents", read: Number },
  { name: "labels", label: "Labels", hint: "nightly, eu", read: list },
  {
    name: "thresholds",
    label: "Thresholds",
    hint: "one on each line: p95(response) < 300ms",
    type: "lines",
    read: lines,
  },
];

/** `plan.server_url` and `plan.users[0]` are about the fields `serverUrl` and `users`. */
function fieldOf(path) {
  const [first] = path.replace(/^plan\./u, "").split(/[.[]/u);
  return first.replace(/_([a-z])/gu, (_, letter) => letter.toUpperCase());
}

/** See the module. */
export class StartView {
  constructor({ source, from, go }) {
    Object.assign(this, { source, from, go });
    this.rows = new Map(FIELDS.map((field) => [field.name, this.#row(field)]));
    this.form = el(
      "div",
      { class: "form" },
      [...this.rows.values()].map(({ element }) => element),
    );
    this.pasted = this.#row({
      name: "plan",
      label: "Plan",
      type: "lines",
      hint: "RunSpec as JSON, as in --json documents and in docs/protocol.md",
    });
    this.pasted.input.rows = 18;
    this.pasted.element.hidden = true;
    this.queue = el("input", { type: "checkbox", id: freshId("queue") });
    this.queue.addEventListener("change", () => this.#later());
    this.said = el("p", { role: "status" });
    this.start = button("Start", () => this.#start(), { class: "main" });
    this.swap = button("Paste a plan instead", () => this.#swap());
    this.element = el(
      "article",
      { class: "start" },
      el("h1", {}, "Start a run"),
      this.form,
      this.pasted.element,
      el(
        "p",
        {},
        this.queue,
        " ",
        el("label", { for: this.queue.id }, "Wait in the queue if agents are not idle now"),
      ),
      this.said,
      el("div", { class: "buttons" }, this.start, this.swap),
    );
  }

  async open() {
    document.title = "Start a run – loadgrpc";
    if (!this.from) return;
    const { plan } = await this.source.run(this.from);
    this.#fill(asked(plan));
  }

  close() {
    clearTimeout(this.timer);
    this.closed = true;
  }

  #row({ name, label, hint, type }) {
    const id = freshId(name);
    const wrong = el("span", { class: "wrong", id: freshId("wrong"), role: "alert" });
    const input = el(type === "lines" ? "textarea" : "input", {
      id,
      name,
      spellcheck: "false",
      "aria-describedby": wrong.id,
      on: { input: () => this.#later() },
    });
    const element = el(
      "p",
      { class: "field" },
      el("label", { for: id }, label),
      input,
      hint ? el("span", { class: "quiet" }, hint) : null,
      wrong,
    );
    return { element, input, wrong };
  }

  /** Fills in a plan: the form, if it has a field for all of it, and else the text. */
  #fill(plan) {
    this.pasted.input.value = JSON.stringify(plan, null, 2);
    const known = Object.keys(plan).every((name) => this.rows.has(name) || name === "seed");
    if (known) {
      for (const [name, value] of Object.entries(plan)) {
        const row = this.rows.get(name);
        if (row)
          row.input.value = Array.isArray(value)
            ? value.join(name === "thresholds" ? "\n" : ", ")
            : String(value);
      }
    } else this.#swap();
    this.#later();
  }

  #swap() {
    const text = this.pasted.element.hidden;
    if (text && !this.pasted.input.value) {
      this.pasted.input.value = JSON.stringify(this.#ofForm(), null, 2);
    }
    this.pasted.element.hidden = !text;
    this.form.hidden = text;
    say(this.swap, text ? "Use the form instead" : "Paste a plan instead");
    this.#later();
  }

  #ofForm() {
    const typed = FIELDS.filter(({ name }) => this.rows.get(name).input.value.trim());
    return Object.fromEntries(
      typed.map(({ name, read }) => [name, read(this.rows.get(name).input.value)]),
    );
  }

  /** What is asked for. It raises a SyntaxError if the text is not JSON. */
  #request() {
    const plan = this.pasted.element.hidden
      ? this.#ofForm()
      : JSON.parse(this.pasted.input.value || "{}");
    return { plan: plan.plan ?? plan, queue: this.queue.checked };
  }

  #later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#check(), CHECK_MS);
  }

  async #check() {
    this.#clear();
    const asking = Symbol("check");
    this.asking = asking;
    try {
      const { plan, waitsFor } = await this.source.check(this.#request());
      if (this.asking !== asking || this.closed) return;
      say(
        this.said,
        waitsFor
          ? `${labelOf(plan)} can be run, but not now: ${oneLine(waitsFor)}`
          : `${labelOf(plan)} can be started.`,
      );
    } catch (error) {
      if (this.asking === asking && !this.closed) this.#refused(error);
    }
  }

  async #start() {
    clearTimeout(this.timer);
    this.#clear();
    this.start.disabled = true;
    try {
      const run = await this.source.start(this.#request());
      this.go(`#/runs/${encodeURIComponent(run.runId)}`);
    } catch (error) {
      this.#refused(error);
    }
    this.start.disabled = false;
  }

  #clear() {
    say(this.said, "");
    for (const { wrong, input } of [...this.rows.values(), this.pasted]) {
      say(wrong, "");
      input.removeAttribute("aria-invalid");
    }
  }

  #refused(error) {
    if (error instanceof SyntaxError) {
      this.#wrong(this.pasted, `This is not JSON: ${error.message}`);
      return;
    }
    const others = [];
    for (const { field, message } of error.fields ?? []) {
      const row = this.pasted.element.hidden ? this.rows.get(fieldOf(field)) : null;
      if (row) this.#wrong(row, oneLine(message));
      else others.push(oneLine(`${field}: ${message}`));
    }
    if (!this.pasted.element.hidden && others.length) this.#wrong(this.pasted, others.join("; "));
    else say(this.said, others.join("; ") || (error.fields?.length ? "" : oneLine(error.message)));
  }

  #wrong({ wrong, input }, text) {
    say(wrong, text);
    input.setAttribute("aria-invalid", "true");
  }
}
