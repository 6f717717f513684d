// How the rate of each run in the list went, as numbers for a small line. The newest runs only, one
// after another, and those that are over only once: the list stays cheap.

import { epochMs } from "./figures.js";
import { isOver } from "./state.js";
import { resolutionFor } from "./timeline.js";

const MOST_RUNS = 20;
const POINTS = 60;
const MOST_KEPT = 1000;

/** See the module. `changed()` is called when there is another one. */
export class Trends {
  found = new Map();
  busy = false;

  constructor(source, changed) {
    Object.assign(this, { source, changed });
  }

  /** The rates of a run; empty: not known. */
  of({ runId }) {
    return this.found.get(runId)?.rates ?? [];
  }

  /** Looks for those of the first of some runs. */
  async look(runs) {
    if (this.busy) return;
    this.busy = true;
    const wanted = runs.filter((run) => run.startTime).slice(0, MOST_RUNS);
    for (const run of wanted) {
      if (this.found.get(run.runId)?.over) continue;
      try {
        const resolution = resolutionFor(
          (epochMs(run.endTime) ?? Date.now()) / 1000 - epochMs(run.startTime) / 1000,
          POINTS,
        );
        const timeline = await this.source.timeline(run.runId, { resolution, plain: true });
        this.found.set(run.runId, { rates: [...timeline.of("hits.rate")], over: isOver(run) });
      } catch {
        this.found.set(run.runId, { rates: [], over: true }); // such as a deleted one
      }
      this.changed();
    }
    if (this.found.size > MOST_KEPT) this.found.clear();
    this.busy = false;
  }
}
