// The broker and its agents: who is there, how loaded, which version, what waits, what is wrong.

import { ask } from "./dialog.js";
import { button, described, el, runLink } from "./element.js";
import { NONE, ago, clock, counted, epochMs, nanoseconds, size, span } from "./figures.js";
import { Notices } from "./notices.js";
import { labelOf } from "./plan.js";
import { Repeated } from "./repeated.js";
import { badge, isOver } from "./state.js";
import { Table } from "./table.js";
import { oneLine, word } from "./text.js";
import { may } from "./viewer.js";

const EVERY_MS = 2000;

/** See the module. */
export class ClusterView {
  constructor({ source, web }) {
    Object.assign(this, { source, web });
    this.facts = el("dl", { class: "facts" });
    this.notices = new Notices();
    this.agents = this.#agents();
    this.runs = activeRuns();
    this.none = el(
      "p",
      { class: "quiet", hidden: true },
      "No agent is connected: loadgrpc agent -b HOST:PORT connects one.",
    );
    this.element = el(
      "article",
      {},
      el("h1", {}, "Agents and broker"),
      this.facts,
      this.notices.element,
      this.agents.element,
      this.none,
      this.runs.element,
    );
    this.loading = new Repeated(EVERY_MS, () => this.#load());
  }

  async open() {
    document.title = "Agents and broker – loadgrpc";
    await this.loading.begin();
  }

  close() {
    this.loading.close();
  }

  async #load() {
    try {
      const [broker, agents, runs] = await Promise.all([
        this.source.broker(),
        this.source.agents(),
        this.source.activeRuns(),
      ]);
      if (this.loading.closed) return;
      this.#draw(
        broker,
        agents,
        runs.filter((run) => !isOver(run)),
      );
    } catch (error) {
      this.notices.show([`Not up to date: ${error.message}`]);
    }
  }

  #draw(broker, agents, runs) {
    this.facts.replaceChildren(...described(factsOf(broker, this.web, agents)));
    const told = broker.storeTrouble
      ? [
          `The store accepts no writes at present: ${broker.storeTrouble}. Active runs go on, and` +
            " what they report waits, but no run can be started or deleted.",
        ]
      : [];
    for (const agent of agents)
      told.push(...agent.troubles.map((why) => `${agent.agentId}: ${why}`));
    this.notices.show(told);
    this.agents.update(agents.map((agent) => ({ ...agent, brokers: broker.version })));
    this.none.hidden = agents.length > 0;
    this.runs.update(runs);
  }

  #agents() {
    const drain = {
      title: "drain",
      text: (agent) => String(agent.drained),
      node: (agent) => this.#drain(agent),
    };
    return new Table({
      id: "agents",
      title: "Agents",
      noun: "agent",
      filter: true,
      key: (agent) => agent.agentId,
      bad: (agent) => agent.state === "AGENT_STATE_UNREACHABLE" || agent.troubles.length > 0,
      columns: [
        { title: "agent", text: (agent) => oneLine(agent.agentId) },
        {
          title: "state",
          text: (agent) =>
            word(agent.state, "AGENT_STATE_") +
            (agent.drained && agent.state === "AGENT_STATE_UNREACHABLE" ? ", drained" : ""),
        },
        {
          title: "run",
          class: "id",
          text: (agent) => oneLine(agent.runId) || NONE,
          node: (agent) => (agent.runId ? runLink(agent.runId, oneLine(agent.runId)) : NONE),
          value: (agent) => agent.runId,
        },
        { title: "host", text: (agent) => oneLine(agent.hostname) },
        {
          title: "version",
          text: (agent) =>
            [oneLine(agent.version) || NONE, isOther(agent) ? "(not the broker's)" : ""].join(" "),
        },
        {
          title: "cores",
          figure: true,
          text: (agent) => String(agent.cores || NONE),
          value: (agent) => agent.cores,
        },
        {
          title: "seen",
          text: (agent) =>
            agent.lastSeenTime ? ago(Date.now() - epochMs(agent.lastSeenTime)) : NONE,
          value: (agent) => epochMs(agent.lastSeenTime) ?? 0,
        },
        { title: "labels", text: (agent) => agent.labels.map(oneLine).join(", ") },
        ...(may(this.web, "DrainAgent") ? [drain] : []),
      ],
    });
  }

  #drain({ agentId, drained }) {
    if (drained) return button("Take back", () => this.source.drain(agentId, true));
    return button("Drain", () =>
      ask({
        title: "Drain this agent?",
        text:
          `${agentId} finishes the part that it has in a run, and gets no other until it is` +
          " taken back.",
        choices: [{ text: "Drain it", value: "drain" }],
        act: () => this.source.drain(agentId, false),
      }),
    );
  }
}

/** Whether an agent has another version than the broker. */
function isOther({ version, brokers }) {
  return version !== "" && version !== brokers;
}

function factsOf(broker, web, agents) {
  const states = new Map();
  for (const { state } of agents) states.set(state, (states.get(state) ?? 0) + 1);
  const by = [...states].sort().map(([state, count]) => `${count} ${word(state, "AGENT_STATE_")}`);
  const store =
    broker.storeBytes === undefined || broker.storeBytes === null
      ? ""
      : `, ${size(Number(broker.storeBytes))}`;
  const facts = [
    ["Broker", oneLine(broker.address || web.broker)],
    ["Version", `loadgrpc ${oneLine(broker.version)}`],
    ["Process", `${broker.pid} on ${oneLine(broker.hostname)}`],
    ["Up", clock(Math.max(Date.now() - epochMs(broker.startTime), 0) * 1e6)],
    ["Store", oneLine(broker.store) + store],
    ["Agents", [agents.length, by.join(", ")].filter(Boolean).join(": ")],
    ["Runs", `${broker.activeRuns} active`],
  ];
  if (nanoseconds(broker.lease))
    facts.push(["Lease", span(Math.round(nanoseconds(broker.lease) / 1e9))]);
  if (broker.keepRuns) facts.push(["Keeps hits", `of ${counted(broker.keepRuns, "run")}`]);
  return facts;
}

function activeRuns() {
  return new Table({
    id: "active-runs",
    title: "Active and waiting runs",
    noun: "run",
    key: (run) => run.runId,
    columns: [
      {
        title: "run",
        text: (run) => labelOf(run.plan),
        node: (run) => runLink(run.runId, labelOf(run.plan)),
        value: (run) => labelOf(run.plan),
      },
      { title: "state", text: (run) => word(run.state, "RUN_STATE_"), node: badge },
      {
        title: "place",
        text: (run) => (run.waiting ? `${run.waiting.position} of ${run.waiting.length}` : NONE),
      },
      { title: "waits for", class: "wide", text: (run) => oneLine(run.waiting?.reason ?? "") },
      { title: "agents", text: (run) => run.agentIds.map(oneLine).join(", ") },
    ],
  });
}
