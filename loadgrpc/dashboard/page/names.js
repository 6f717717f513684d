// Names of hits as people read them: without the server, which stands above them.

import { oneLine } from "./text.js";

const SERVER = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]+/u;

/** A URL with http for ws: a server has both at one address. */
function asHttp(url) {
  return /^wss?:\/\//u.test(url) ? `http${url.slice(2)}` : url;
}

/** The server that all names have: that of the plan, or the only one that hits went to. */
function serverOf(summary) {
  const planned = summary.plan.scenarios.length ? "" : summary.plan.serverUrl;
  if (planned)
    return asHttp(planned)
      .replace(/\/\/[^/@]*@/u, "//")
      .split(/[?#]/u)[0]
      .replace(/\/+$/u, "");
  const all = [...summary.names, ...summary.hitErrors];
  const servers = new Set(all.map(({ name }) => SERVER.exec(asHttp(name))?.[0]).filter(Boolean));
  return servers.size === 1 ? [...servers][0] : "";
}

/** What shortens the names of a summary: `(entry) => "GET /basket"`. */
export function shortener(summary) {
  const server = serverOf(summary);
  return ({ scenario, protocol, method, name }) => {
    const http = asHttp(name);
    const path = server && http.startsWith(server) ? http.slice(server.length) : null;
    const shown = path === "" ? "/" : path?.startsWith("/") ? path : name;
    const request = `${protocol ?? ""} ${method ?? ""} ${shown}`.trim();
    return oneLine(scenario ? `${scenario}: ${request}` : request);
  };
}

const PHRASES = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  412: "Precondition Failed",
  415: "Unsupported Media Type",
  418: "I'm a Teapot",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** `404 Not Found`, `grpc 14`; 0 is an answer without a status. */
export function statusText(protocol, status) {
  if (!Number(status)) return "an answer that counts as failed";
  if (protocol) return oneLine(`${protocol} ${status}`);
  return PHRASES[status] ? `${status} ${PHRASES[status]}` : String(status);
}
