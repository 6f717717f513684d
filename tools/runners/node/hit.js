// One request, measured: node's own http, and where it writes down when what happened.

import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { now, parts } from "./clock.js";

// Connections of one user: one, which is kept.
export const newAgent = (url) =>
  new (url.protocol === "https:" ? https : http).Agent({ keepAlive: true, maxSockets: 1 });

// Asks for a URL; gives the hit, and the error if there was no whole answer. `cut` ends it at once.
export async function get(url, agent, cut) {
  const started = now();
  const elapsed = () => parts(now() - started);
  const hit = { url: url.href, method: "GET", protocol: "http", attempt: 1 };
  // Its name is the URL without its query.
  const request = (url.protocol === "https:" ? https : http).get(url, { agent, signal: cut });
  let connection;
  let error;
  request.on("error", () => {}); // Told by `once`, or by the response.
  request.on("socket", (socket) => {
    connection = { socket, sent: socket.bytesWritten, received: socket.bytesRead };
    if (request.reusedSocket) return;
    const connected = url.protocol === "https:" ? "secureConnect" : "connect";
    socket.once(connected, () => (hit.connect = elapsed()));
  });
  try {
    const [response] = await once(request, "response");
    hit.time_to_first_byte = elapsed();
    hit.status = response.statusCode;
    await once(response.resume(), "end");
  } catch (caught) {
    error = caught;
    const connected = request.reusedSocket || hit.connect;
    hit.error = cut.aborted ? "HIT_ERROR_ABORTED" : hitError(error.code ?? "", connected);
    hit.error_message = error.message || error.code;
  }
  hit.elapsed = elapsed();
  hit.failed = error !== undefined || hit.status >= 400;
  if (connection) {
    hit.bytes_sent = connection.socket.bytesWritten - connection.sent;
    hit.bytes_received = connection.socket.bytesRead - connection.received;
  }
  return { hit, error };
}

function hitError(code, connected) {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "HIT_ERROR_DNS";
  if (code === "ETIMEDOUT") return "HIT_ERROR_TIMEOUT";
  if (/TLS|SSL|CERT|EPROTO/.test(code)) return "HIT_ERROR_TLS";
  if (code.startsWith("HPE_")) return "HIT_ERROR_PROTOCOL";
  if (!connected) return "HIT_ERROR_CONNECT";
  return code === "ECONNRESET" || code === "EPIPE" ? "HIT_ERROR_CLOSED" : "HIT_ERROR_OTHER";
}
