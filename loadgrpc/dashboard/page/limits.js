// Thresholds as lines in charts: which of them are about what a chart shows, and when they did not
// hold. Thresholds that no chart shows, such as those of counters, are in the table alone.

import { epochMs, nanoseconds } from "./figures.js";

const SELECTED = /^(?:(\w[\w.]*)\()?\s*(\w+)\s*(?:\{([^}]*)\})?\s*\)?\s*(\/s)?\s*[<>=!]/u;
/** What a chart shows: the metric, and in which unit limits have to be. */
const OF_CHART = {
  response: { metrics: ["response"], unit: "s", times: 1e9 },
  service: { metrics: ["service"], unit: "s", times: 1e9 },
  rate: { metrics: ["hits", "failed"], unit: "/s", times: 1 },
  users: { metrics: ["users"], unit: "", times: 1 },
  lag: { metrics: ["lag"], unit: "s", times: 1e9 },
  cpu: { metrics: ["cpu"], unit: "%", times: 0.01 },
};

/**
 * The limits that a chart shows of thresholds (ThresholdResult): `{value, text, failed, spans}`,
 * where `spans`, `[from, to]` in seconds since 1970, are when it did not hold. Those that select
 * hits are shown for that name only.
 */
export function limitsOf(chart, thresholds, name) {
  const shown = OF_CHART[chart];
  if (!shown) return [];
  return thresholds
    .filter((result) => {
      const [, , metric, selected] = SELECTED.exec(result.threshold) ?? [];
      return (
        shown.metrics.includes(metric) && result.unit === shown.unit && isAbout(selected, name)
      );
    })
    .map((result) => {
      const failed = result.outcome === "THRESHOLD_OUTCOME_FAIL";
      const value = result.limit * shown.times;
      return { value, text: result.threshold, failed, spans: spansOf(result) };
    });
}

/** When a threshold did not hold; of an older broker, which says only one window, that one. */
function spansOf({ failedSpans = [], outcome, windowStart, windowLength }) {
  const worst = { start: windowStart, length: windowLength };
  const failed = outcome === "THRESHOLD_OUTCOME_FAIL" && windowStart;
  const told = failedSpans.length || !failed ? failedSpans : [worst];
  return told.map(({ start, length }) => {
    const from = epochMs(start) / 1000;
    return [from, from + nanoseconds(length) / 1e9];
  });
}

/** Whether a selection, such as `name=/buy`, is about a name; without one it is about all hits. */
function isAbout(selected, name) {
  if (!selected) return name === null;
  if (name === null) return false;
  const wanted = { name: name.name, method: name.method, scenario: name.scenario };
  return selected.split(",").every((each) => {
    const [key, value = ""] = each.split("=").map((part) => part.trim());
    return key in wanted && matches(value.replace(/^"(.*)"$/u, "$1"), wanted[key]);
  });
}

/** Whether a text is what a pattern says, in which `*` stands for anything. */
function matches(pattern, text) {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "u").test(text);
}
