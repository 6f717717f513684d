// The state of a run and its verdict, in a word and as a mark.

import { el } from "./element.js";
import { oneLine, word } from "./text.js";

const VERDICTS = {
  0: "passed",
  1: "failed",
  3: "incomplete",
  4: "expired",
  99: "requirement",
  105: "stopped",
  107: "not-loaded",
};
const FINAL = ["RUN_STATE_FINISHED", "RUN_STATE_STOPPED", "RUN_STATE_FAILED", "RUN_STATE_EXPIRED"];
/** The other states, as a list of runs is asked for them. */
export const ACTIVE = ["scheduled", "queued", "starting", "running", "stopping"];

/** Whether a run is over. */
export function isOver({ state }) {
  return FINAL.includes(state);
}

/** The verdict of a run as `loadgrpc runs` has it: `passed`, `failed`; `-` of an active one. */
export function verdictWord({ verdict, state }) {
  if (!verdict || !isOver({ state })) return "-";
  return VERDICTS[verdict.exitCode] ?? `exit ${verdict.exitCode}`;
}

/** `exit 1: 3 of 10 iterations failed`. */
export function verdictText(verdict) {
  return verdict ? `exit ${verdict.exitCode}: ${oneLine(verdict.reason) || "passed"}` : "";
}

/** How a run stands, in a word: of one that is over, its verdict. */
export function standing(run) {
  return isOver(run) && run.verdict ? verdictWord(run) : word(run.state, "RUN_STATE_");
}

const KINDS = {
  passed: "good",
  running: "active",
  starting: "active",
  stopping: "active",
  queued: "waits",
  scheduled: "waits",
  stopped: "waits",
};

/** The same as a mark. */
export function badge(run) {
  const text = standing(run);
  return el("span", { class: `badge ${KINDS[text] ?? "bad"}` }, text);
}
