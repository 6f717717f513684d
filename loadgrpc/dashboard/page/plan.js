// A plan as text: what it runs, and with which load.

import { counted, nanoseconds, span } from "./figures.js";
import { oneLine } from "./text.js";

/** The tests of a plan or a scenario. */
function testsOf(scenario) {
  return scenario.tests?.length ? scenario.tests.map((each) => each.test) : [scenario.test];
}

/** What a run is called: its title, and its tests or scenarios. */
export function labelOf(plan) {
  const named = plan.scenarios.length
    ? plan.scenarios.map((each) => each.name || testsOf(each).join(" + ")).join(" + ")
    : testsOf(plan).join(" + ");
  const title = oneLine(plan.title);
  return title ? `${title}: ${oneLine(named)}` : oneLine(named);
}

function unitOf(load) {
  return load ? oneLine(load) : "stages";
}

/** The load of a plan, or of one scenario of it. */
export function loadOf(plan) {
  if (plan.scenarios?.length) return counted(plan.scenarios.length, "scenario");
  if (plan.load || plan.stages?.length) return [unitOf(plan.load), ...open(plan)].join(", ");
  const users = plan.users.length ? plan.users : [1];
  const who = `${users.join(", ")} ${users.length === 1 && users[0] === 1 ? "user" : "users"}`;
  const told = [users.length > 1 ? `${users.length} cycles of ${who}` : who];
  const each = users.length > 1 ? " each" : "";
  if (plan.duration) told.push(`for ${span(nanoseconds(plan.duration) / 1e9)}${each}`);
  else
    told.push(
      `${counted(plan.iterations.reduce((sum, some) => sum + some, 0) || 1, "iteration")} a user`,
    );
  if (plan.spawnRate) told.push(`${plan.spawnRate} users started per second`);
  if (plan.agents > 1)
    told.push(`${plan.split ? "split over" : "on each of"} ${plan.agents} agents`);
  return told.join(", ");
}

function open(plan) {
  const told = [];
  if (plan.arrivals === "SPACING_POISSON") told.push("memoryless (Poisson)");
  if (plan.late === "LATE_POLICY_DROP") told.push("dropped when no user is free");
  if (plan.maxUsers) told.push(`at most ${counted(plan.maxUsers, "user")}`);
  if (plan.agents > 1) told.push(`shared by ${plan.agents} agents`);
  return told;
}

/** The scenarios whose load can be changed while it runs: those with stages. */
export function changeable(plan) {
  const scenarios = plan.scenarios.length ? plan.scenarios : [{ ...plan, name: "" }];
  return scenarios.filter((each) => each.load || each.stages.length);
}

/** The plan as it may be asked for again: without what is not set. */
export function asked(value) {
  if (Array.isArray(value)) return value.map(asked);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([, each]) => !isUnset(each));
  return Object.fromEntries(kept.map(([name, each]) => [name, asked(each)]));
}

function isUnset(value) {
  if (value === null || value === "" || value === 0 || value === false || value === "0")
    return true;
  if (typeof value === "string") return value.endsWith("_UNSPECIFIED");
  return typeof value === "object" && Object.keys(value).length === 0;
}
