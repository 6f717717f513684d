// What can be done with a run: save it as a report, and, where the server allows it, change its
// load, stop it, note something, repeat it, delete it.

import { ask } from "./dialog.js";
import { button, el } from "./element.js";
import { changeable } from "./plan.js";
import { isOver } from "./state.js";
import { mayChange } from "./viewer.js";

/** See the module. */
export class Controls {
  constructor({ source, web, runId, go }) {
    Object.assign(this, { source, web, runId, go });
    this.element = el("div", { class: "buttons" });
  }

  update({ run, changes }) {
    const paused = isPaused(changes);
    const key = `${run.state}${paused}`;
    if (this.key === key) return;
    this.key = key;
    this.element.replaceChildren(...this.#buttons(run, paused));
  }

  #buttons(run, paused) {
    const { source, runId, web } = this;
    if (source.frozen) return [];
    const report = el(
      "a",
      { class: "button", href: source.reportUrl([runId]), download: `${runId}.html` },
      "Save as report",
    );
    if (!web.control) return [report];
    const repeat = button("Repeat", () => this.go(`#/start?from=${encodeURIComponent(runId)}`));
    if (!mayChange(web, run)) return [report, repeat];
    if (isOver(run))
      return [report, repeat, button("Delete", () => this.#delete(), { class: "danger" })];
    const load = changeable(run.plan).length
      ? [
          button("Change load", () => this.#load(run)),
          button(paused ? "Resume" : "Pause", () => this.#pause(paused)),
        ]
      : [];
    return [
      ...load,
      button("Add a note", () => this.#note()),
      report,
      repeat,
      button("Stop", () => this.#stop(), { class: "danger" }),
    ];
  }

  #load(run) {
    const scenarios = changeable(run.plan);
    const users =
      /user/u.test(scenarios[0].load) || scenarios[0].stages[0]?.unit === "LOAD_UNIT_USERS";
    ask({
      title: users ? "Change the number of users" : "Change the rate of arrivals",
      text:
        "It applies half a second later, on all agents at the same time, and stays until the" +
        " stages of the load end.",
      fields: [
        {
          name: "level",
          label: users ? "Users, on all agents together" : "Arrivals per second",
          type: "number",
          min: 0,
          step: "any",
        },
      ],
      choices: [
        { text: "As planned", value: "factor", free: true },
        { text: "Change it", value: users ? "users" : "rate" },
      ],
      act: ({ choice, level }) =>
        this.source.setLoad(this.runId, {
          requestId: crypto.randomUUID?.() ?? "",
          [choice]: choice === "factor" ? 1 : Number(level),
        }),
    });
  }

  #pause(paused) {
    ask({
      title: paused ? "Resume the load?" : "Pause the load?",
      text: paused
        ? "Its stages go on where they were."
        : "No iteration starts until it is resumed; its stages stand still.",
      choices: [{ text: paused ? "Resume" : "Pause", value: paused ? "resume" : "pause" }],
      act: ({ choice }) => this.source.setLoad(this.runId, { [choice]: true }),
    });
  }

  #note() {
    ask({
      title: "Add a note",
      text: "It becomes an entry of the run's log, and a mark in its charts, at this moment.",
      fields: [{ name: "text", label: "Note", most: 512 }],
      choices: [{ text: "Add it", value: "add" }],
      act: ({ text }) => this.source.note(this.runId, text),
    });
  }

  #stop() {
    ask({
      title: "Stop this run?",
      text:
        "Users finish the iteration they are in. If it is killed instead, what its runners had" +
        " not delivered is lost.",
      choices: [
        { text: "Kill it", value: "STOP_MODE_KILL", danger: true },
        { text: "Stop it", value: "STOP_MODE_GRACEFUL", danger: true },
      ],
      act: ({ choice }) => this.source.stop(this.runId, choice),
    });
  }

  #delete() {
    ask({
      title: "Delete this run?",
      text: `${this.runId} is deleted with all that is stored about it. This cannot be undone.`,
      choices: [{ text: "Delete it", value: "delete", danger: true }],
      act: async () => {
        await this.source.remove(this.runId);
        this.go("#/runs");
      },
    });
  }
}

/** Whether the last change of the load was a pause. */
function isPaused(changes) {
  const kinds = changes.map((change) => change.load?.kind).filter(Boolean);
  return kinds[kinds.length - 1] === "LOAD_CHANGE_KIND_PAUSE";
}
