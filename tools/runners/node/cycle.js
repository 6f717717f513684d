// One cycle: its users live side by side, each in a function of its own, until the load is done.

import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds, now, parts } from "./clock.js";
import { get, newAgent } from "./hit.js";

const TELL_USERS_MS = 1000;

// Runs the users `who` of a cycle. `test` is what they do, `report` takes what happens.
export async function live(cycle, who, test, ending, report) {
  const { iterations, users, number: cycleNumber } = cycle;
  const load = { iterations, users, cycle: cycleNumber };
  const state = { active_users: 0, started_users: 0 };
  let told = { ...state };
  const tell = () => {
    if (told.active_users === state.active_users && told.started_users === state.started_users)
      return;
    told = { ...state };
    report({ time: parts(now()), status: load, state: told });
  };

  async function user(number, delayMs) {
    if (!(await waited(delayMs, ending.asked))) return;
    const agent = newAgent(test.url);
    state.active_users += 1;
    state.started_users += 1;
    for (let iteration = 1; !ending.asked.aborted; iteration += 1) {
      if (cycle.iterations && iteration > cycle.iterations) break;
      const status = { ...load, current_iteration: iteration, current_user: number };
      await iterate(test, agent, ending.cut, (what) => report({ ...what, status }));
    }
    state.active_users -= 1;
    agent.destroy();
  }

  const telling = setInterval(tell, TELL_USERS_MS);
  const duration = milliseconds(cycle.duration);
  const timer = duration && setTimeout(() => ending.begin(test.stopTimeoutMs), duration);
  const pauseMs = test.spawnRate ? 1000 / test.spawnRate : 0;
  await Promise.all(who.map((number, at) => user(number, at * pauseMs)));
  clearTimeout(timer);
  clearInterval(telling);
  tell();
}

// One iteration: a request, and what is to be thought of it.
async function iterate({ name: test, url }, agent, cut, report) {
  const tell = (what) => report({ ...what, time: parts(now()) });
  tell({ test_start: { test } });
  const { hit, error } = await get(url, agent, cut);
  tell({ hit });
  if (error) {
    // One that was cut off has no outcome.
    if (!cut.aborted) tell({ test_error: { test, exception: exceptionInfo(error) } });
  } else if (hit.status >= 400) {
    const message = `GET ${url} answered ${hit.status}`;
    tell({ test_failure: { test, exception: { type: "StatusError", message } } });
  } else {
    tell({ test_success: { test } });
  }
  tell({ test_stop: { test } });
}

// An error as text.
export const exceptionInfo = (error) => ({
  type: error.name,
  message: error.message || error.code,
  traceback: error.stack,
});

// Whether a wait went to its end.
const waited = (ms, signal) =>
  ms ? sleep(ms, true, { signal }).catch(() => false) : !signal.aborted;
