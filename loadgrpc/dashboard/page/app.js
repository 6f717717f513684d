// The page: which view an address shows. Addresses are fragments, so that they work in a file, too:
// #/runs, #/runs/ID, #/compare/A,B, #/cluster, #/start.

import { ClusterView } from "./cluster_view.js";
import { CompareView } from "./compare_view.js";
import { el, say } from "./element.js";
import { moment } from "./figures.js";
import { LoginView } from "./login_view.js";
import { RunView } from "./run_view.js";
import { RunsView } from "./runs_view.js";
import { openSource } from "./source.js";
import { StartView } from "./start_view.js";
import { oneLine } from "./text.js";
import { endsSoon, whoIsIn } from "./viewer.js";

const main = document.getElementById("main");
const header = document.getElementById("header");
let view = null;
let context = null; // null: nobody is in

function go(address) {
  location.hash = address;
}

/** The view of an address; null: there is none. */
function viewOf(address, context) {
  const [path, parameters = ""] = address.replace(/^#\/?/u, "").split("?");
  const [place, of = ""] = path.split("/");
  const ids = of.split(",").filter(Boolean).map(decodeURIComponent);
  const from = new URLSearchParams(parameters).get("from");
  if (place === "runs" && ids.length) return new RunView({ ...context, runId: ids[0] });
  if (place === "runs") return new RunsView(context);
  if (place === "compare" && ids.length > 1) return new CompareView({ ...context, runIds: ids });
  if (place === "cluster" && !context.source.frozen) return new ClusterView(context);
  if (place === "start" && context.web.control) return new StartView({ ...context, from });
  return null;
}

/** Where the page begins: with the runs, or, of a report of one run or a comparison, with that. */
function home(source) {
  if (!source.frozen) return "#/runs";
  const ids = source.found.runs.map((each) => encodeURIComponent(each.summary.runId));
  return ids.length > 1 ? `#/compare/${ids.join(",")}` : `#/runs/${ids[0]}`;
}

async function show() {
  if (!context) return;
  view?.close();
  view =
    viewOf(location.hash || home(context.source), context) ?? viewOf(home(context.source), context);
  const own = view;
  mark();
  const told = endsSoon(context.web).map((text) => el("p", { class: "notice" }, text));
  main.replaceChildren(...told, own.element);
  try {
    await own.open();
  } catch (error) {
    if (own !== view) return;
    own.close();
    main.replaceChildren(
      el("h1", {}, "Not found or not reachable"),
      el("p", { class: "notice", role: "alert" }, oneLine(error.message)),
      el("p", {}, el("a", { href: home(context.source) }, "Back to the start")),
    );
  }
}

/** Marks the place in the header that is shown. */
function mark() {
  const [place] = location.hash.replace(/^#\/?/u, "").split(/[/?]/u);
  for (const link of header.querySelectorAll("nav a")) {
    const here = link.hash === `#/${place || "runs"}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function heading(source, web) {
  const name = el("span", { class: "name" }, "loadgrpc");
  if (source.frozen) {
    const several = source.found.runs.length > 1;
    const links = several
      ? [
          ["#/runs", "Runs"],
          [home(source), "Comparison"],
        ]
      : [];
    return [
      name,
      el(
        "nav",
        { "aria-label": "Views" },
        links.map(([href, text]) => el("a", { href }, text)),
      ),
      el(
        "span",
        { class: "quiet" },
        `Report, made ${moment(Date.parse(source.made))} by loadgrpc ${oneLine(web.version)}`,
      ),
    ];
  }
  return [
    name,
    el(
      "nav",
      { "aria-label": "Views" },
      el("a", { href: "#/runs" }, "Runs"),
      el("a", { href: "#/cluster" }, "Agents and broker"),
    ),
    el("span", { class: "quiet" }, oneLine(web.broker)),
    ...whoIsIn(web, () =>
      source
        .logout()
        .then(() => letIn(source))
        .catch(unreachable),
    ),
  ];
}

/** Shows the page to a viewer who is known, or the way in. */
async function letIn(source) {
  const web = await source.web();
  if (!web.login || web.access) {
    context = { source, web, go };
    header.replaceChildren(...heading(source, web));
    await show();
  } else if (!(view instanceof LoginView)) {
    context = null;
    view?.close();
    view = new LoginView({ source, done: () => letIn(source), why: oneLine(web.why) });
    header.replaceChildren(el("span", { class: "name" }, "loadgrpc"));
    main.replaceChildren(view.element);
    await view.open();
  }
}

function unreachable(error) {
  const text = el("p", { class: "notice", role: "alert" });
  say(text, oneLine(error.message));
  main.replaceChildren(text);
}

async function begin() {
  try {
    const source = openSource();
    source.loggedOut = () => letIn(source).catch(unreachable);
    window.addEventListener("hashchange", show);
    await letIn(source);
  } catch (error) {
    unreachable(error);
  }
}

begin();
