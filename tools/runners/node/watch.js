// How this process kept up with its load, told once a second: see GeneratorState in event.proto.

import { PerformanceObserver } from "node:perf_hooks";
import { now, parts } from "./clock.js";

const STEP_NS = 10_000_000n;
const TELL_EVERY = 100n; // Steps.
const MOST_LAGS = 4000;

// Begins to watch; what it gives ends it, with the rest.
export function watch(report) {
  let since = now();
  let due = since + STEP_NS;
  let lags = [];
  let cpu = process.cpuUsage();
  let pauses = [];
  const collections = new PerformanceObserver((list) => pauses.push(...list.getEntries()));
  collections.observe({ entryTypes: ["gc"] });

  function tell(at) {
    const { user, system } = process.cpuUsage(cpu);
    const pausesMs = pauses.map((pause) => pause.duration);
    const generator = {
      elapsed: parts(at - since),
      cpu: parts(BigInt(user + system) * 1000n),
      lags_ns: lags.slice(0, MOST_LAGS),
      gc_pauses: pausesMs.length,
      gc_time: fromMs(pausesMs.reduce((sum, ms) => sum + ms, 0)),
      gc_max: fromMs(Math.max(0, ...pausesMs)),
    };
    report({ time: parts(at), generator });
    [since, lags, pauses, cpu] = [at, [], [], process.cpuUsage()];
  }

  // Each time that has passed counts, so that one long hold-up is as many as it covers. A timer of
  // Node is up to a millisecond late by itself.
  function tick() {
    const at = now();
    for (; due <= at; due += STEP_NS) lags.push(Number(at - due));
    if (at - since >= STEP_NS * TELL_EVERY) tell(at);
    timer = setTimeout(tick, Number(due - now()) / 1e6);
  }
  let timer = setTimeout(tick, Number(STEP_NS) / 1e6);

  return () => {
    clearTimeout(timer);
    collections.disconnect();
    tell(now());
  };
}

const fromMs = (ms) => parts(BigInt(Math.round(ms * 1e6)));
