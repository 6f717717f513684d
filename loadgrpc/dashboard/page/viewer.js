// Who looks at the page, and what they may do: as the server says it, for views that offer it.

import { button, el } from "./element.js";
import { epochMs } from "./figures.js";
import { oneLine, word } from "./text.js";

const SOON_MS = 30 * 86_400_000;

/** Whether the viewer may have the page call a method of the broker, such as `DrainAgent`. */
export function may(web, method) {
  return (web.may ?? (web.control ? [method] : [])).includes(method);
}

/** Whether the viewer may change this run: it is theirs, or they are an admin. */
export function mayChange(web, run) {
  if (!may(web, "StopRun")) return false;
  const { access } = web;
  return !access || access.role === "ROLE_ADMIN" || access.name === run.plan.userId;
}

/** Who is logged in, and the way out; nothing where nobody is asked. */
export function whoIsIn(web, logout) {
  const { access } = web;
  if (!access) return [];
  const role = word(access.role, "ROLE_");
  return [
    el("span", { class: "viewer" }, `${oneLine(access.name)} (${role})`),
    button("Log out", logout, { class: "link" }),
  ];
}

/** What ends within 30 days of what protects the broker, as sentences. */
export function endsSoon(web, now = Date.now()) {
  const { access } = web;
  const soon = (time) => time && epochMs(time) - now < SOON_MS;
  const told = [];
  if (soon(access?.brokerExpireTime)) {
    told.push(
      `The certificate of the broker is valid until ${day(access.brokerExpireTime)}:` +
        " loadgrpc certs renew, on its machine, renews it.",
    );
  }
  if (soon(access?.expireTime)) {
    told.push(`Your token is valid until ${day(access.expireTime)}: an admin makes another one.`);
  }
  return told;
}

function day(time) {
  return new Date(epochMs(time)).toISOString().slice(0, 10);
}
