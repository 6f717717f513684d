// What happened to a run: its log as a table, and as marks in charts.

import { NONE, epochMs, moment, timeOfDay } from "./figures.js";
import { Table } from "./table.js";
import { oneLine, word } from "./text.js";

/** The log of a run. */
export function logTable() {
  return new Table({
    id: "log",
    title: "What happened",
    noun: "entry",
    plural: "entries",
    key: (row) => row.sequence,
    bad: isBad,
    columns: [
      {
        title: "time",
        text: (row) => (row.time ? moment(epochMs(row.time)) : NONE),
        value: (row) => Number(row.sequence),
      },
      { title: "kind", text: (row) => word(row.kind, "CHANGE_KIND_") },
      { title: "what", class: "wide", text: changeText },
    ],
  });
}

const AGENT_EVENTS = { UNREACHABLE: "is unreachable", BACK: "is back", LOST: "was lost" };

/** A change of a run as a sentence. */
function changeText(change) {
  const told = [];
  if (change.kind === "CHANGE_KIND_STATE") told.push(word(change.state, "RUN_STATE_"));
  const event = AGENT_EVENTS[change.agentEvent.replace("AGENT_EVENT_", "")];
  if (event) told.push(`agent ${change.agentId} ${event}`);
  if (change.kind === "CHANGE_KIND_ATTEMPT") told.push(`attempt ${change.attempt} is over`);
  if (change.dueTime) told.push(`until ${moment(epochMs(change.dueTime))}`);
  if (change.reason) told.push(change.reason);
  return oneLine(told.join(": "));
}

function isBad(change) {
  return (
    change.agentEvent === "AGENT_EVENT_LOST" ||
    ["CHANGE_KIND_ATTEMPT", "CHANGE_KIND_THRESHOLD"].includes(change.kind) ||
    (change.kind === "CHANGE_KIND_STATE" &&
      ["RUN_STATE_FAILED", "RUN_STATE_EXPIRED"].includes(change.state))
  );
}

const MARKED = {
  CHANGE_KIND_LOAD: "load",
  CHANGE_KIND_THRESHOLD: "bad",
  CHANGE_KIND_AGENT: "bad",
  CHANGE_KIND_NOTE: "note",
  CHANGE_KIND_ATTEMPT: "bad",
};

/** Changes as marks in charts; states are not marked, and neither is what tests say they do. */
export function marksOf(changes) {
  return changes
    .filter((change) => change.time && MARKED[change.kind] && !change.customState)
    .map((change) => ({
      at: epochMs(change.time) / 1000,
      kind: MARKED[change.kind],
      text: `${timeOfDay(epochMs(change.time))} ${changeText(change)}`,
    }));
}
