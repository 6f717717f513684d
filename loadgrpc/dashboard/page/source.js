// Where the page's documents come from: the broker's web door, or, in a frozen report, the page
// itself. Rule: nothing else fetches. Every answer is a document of the public protocol.

import { responseOf } from "./figures.js";
import { ACTIVE } from "./state.js";
import { Timeline } from "./timeline.js";

/** An error of the door: what is wrong, and for a wrong plan, in which fields. */
class Refused extends Error {
  constructor({ code = "UNKNOWN", message = "", fields = [] }) {
    super(message || code);
    this.fields = fields;
  }
}

const RETRY_MS = [500, 1000, 2000, 5000, 10000];
const MAX_RUNS = 1000;

function query(parameters) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of [value].flat()) {
      if (each !== undefined && each !== null && each !== "") found.append(name, each);
    }
  }
  const text = found.toString();
  return text ? `?${text}` : "";
}

/** The documents of a broker, through its web door. */
class Live {
  frozen = false;
  asks = false;

  /** Called when the server does not know the viewer any more. */
  loggedOut = () => {};

  async #ask(path, options = {}) {
    let answer;
    try {
      answer = await fetch(`api/${path}`, options);
    } catch {
      throw new Refused({ code: "UNAVAILABLE", message: "the web server does not answer" });
    }
    let document = {};
    try {
      document = await answer.json();
    } catch {
      if (answer.ok) throw new Refused({ message: "the answer is not JSON" });
    }
    if (answer.status === 401 && path !== "login") this.loggedOut();
    if (!answer.ok) throw new Refused({ code: String(answer.status), ...document });
    return document;
  }

  #send(method, path, body) {
    const headers = { "Content-Type": "application/json", "X-Loadgrpc": "1" };
    return this.#ask(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }

  /** A stream that breaks does not say why: perhaps the viewer is not known any more. */
  async #stillIn() {
    if (!this.asks) return;
    try {
      if (!(await this.web()).access) this.loggedOut();
    } catch {
      return; // it does not answer: the stream is opened again
    }
  }

  #run(runId, rest = "") {
    return `runs/${encodeURIComponent(runId)}${rest}`;
  }

  /**
   * What the page is: `{control, version, broker, login, access, may, why}`, where `access` is who
   * the viewer is, `may` names methods of the broker, and `login` is whether viewers are asked.
   */
  async web() {
    const web = await this.#ask("web");
    this.asks = web.login;
    return web;
  }

  login(token) {
    return this.#send("POST", "login", { token });
  }

  logout() {
    return this.#send("POST", "logout", {});
  }

  broker() {
    return this.#ask("broker");
  }

  async agents() {
    return (await this.#ask("agents")).agents;
  }

  runs() {
    return this.#ask(`runs${query({ limit: MAX_RUNS, figures: 1 })}`);
  }

  /** The runs that are not over, without figures. */
  async activeRuns() {
    return (await this.#ask(`runs${query({ limit: MAX_RUNS, state: ACTIVE })}`)).runs;
  }

  run(runId) {
    return this.#ask(this.#run(runId));
  }

  summary(runId) {
    return this.#ask(this.#run(runId, "/summary"));
  }

  /**
   * The timeline of a run: windows of `resolution` seconds between moments (RFC 3339); with
   * `name`, `{name, method, scenario, protocol}`, only that of its hits; `plain`, without the
   * distribution of times.
   */
  async timeline(
    runId,
    { resolution = 1, from = null, to = null, name = null, plain = false } = {},
  ) {
    const wanted = name ? { names: name.name, series: 1, by_name: 1 } : { series: 0 };
    const distribution = plain ? 0 : 1;
    const parameters = { resolution: `${resolution}s`, from, to, distribution, ...wanted };
    const { windows } = await this.#ask(this.#run(runId, `/timeline${query(parameters)}`));
    return name ? Timeline.ofName(windows, name) : Timeline.ofWindows(windows);
  }

  async changes(runId) {
    return (await this.#ask(this.#run(runId, "/changes"))).changes;
  }

  async compare(runIds) {
    return (await this.#ask(`compare${query({ run: runIds })}`)).comparisons;
  }

  reportUrl(runIds) {
    return `api/report${query({ run: runIds })}`;
  }

  check(request) {
    return this.#send("POST", "runs?check=1", request);
  }

  async start(request) {
    return (await this.#send("POST", "runs", request)).run;
  }

  stop(runId, mode) {
    return this.#send("POST", this.#run(runId, "/stop"), { mode });
  }

  setLoad(runId, change) {
    return this.#send("POST", this.#run(runId, "/load"), change);
  }

  note(runId, text) {
    return this.#send("POST", this.#run(runId, "/note"), { text });
  }

  remove(runId) {
    return this.#send("DELETE", this.#run(runId));
  }

  drain(agentId, undo) {
    return this.#send("POST", `agents/${encodeURIComponent(agentId)}/drain`, { undo });
  }

  /**
   * Watches a run until it is over or the returned function is called. `update` gets each
   * WatchRunResponse; `away` gets a sentence when the stream breaks, "" when it is back;
   * `gap` the moment from which windows were skipped.
   */
  watch(runId, { update, gap, away, over }) {
    let after = null;
    let tries = 0;
    let stream = null;
    let timer = null;
    const open = () => {
      stream = new EventSource(`api/${this.#run(runId, `/watch${query({ after })}`)}`);
      stream.onmessage = (event) => {
        tries = 0;
        away("");
        after = event.lastEventId || after;
        update(JSON.parse(event.data));
      };
      stream.addEventListener("gap", (event) => gap(JSON.parse(event.data).from));
      stream.addEventListener("end", () => {
        close();
        over();
      });
      stream.addEventListener("trouble", (event) => again(JSON.parse(event.data).message));
      stream.onerror = () => again("the web server does not answer");
    };
    const again = (why) => {
      stream.close();
      away(why);
      this.#stillIn();
      clearTimeout(timer);
      timer = setTimeout(open, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
      tries += 1;
    };
    const close = () => {
      stream.close();
      clearTimeout(timer);
    };
    open();
    return close;
  }
}

/** The documents that a report has in itself. */
class Frozen {
  frozen = true;

  constructor(document) {
    this.made = document.made;
    this.version = document.version;
    this.found = document;
  }

  #of(runId) {
    const found = this.found.runs.find((each) => each.summary.runId === runId);
    if (!found)
      throw new Refused({ code: "NOT_FOUND", message: `run ${runId} is not in this report` });
    return found;
  }

  async web() {
    return { control: false, version: this.version, broker: "" };
  }

  async runs() {
    const runs = this.found.runs.map(({ run, summary: { hits } }) => {
      const figures = {
        hits: hits.count,
        failed: hits.failed,
        rate: hits.rate,
        p95: responseOf(hits)?.p95,
      };
      return { ...run, figures };
    });
    return { runs, storeTrouble: "" };
  }

  async run(runId) {
    return this.#of(runId).run;
  }

  async summary(runId) {
    return this.#of(runId).summary;
  }

  async timeline(runId, { name = null } = {}) {
    const { timeline } = this.#of(runId);
    return name === null ? Timeline.ofColumns(timeline) : Timeline.ofSeries(timeline, name);
  }

  async changes(runId) {
    return this.#of(runId).changes;
  }

  async compare() {
    return this.found.comparisons ?? [];
  }
}

/** The source of this page: frozen, if it has documents in itself. */
export function openSource() {
  const frozen = globalThis.loadgrpcFrozen;
  return frozen ? new Frozen(frozen) : new Live();
}
