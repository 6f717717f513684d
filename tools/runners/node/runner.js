// A runner in Node, which knows of loadgrpc no more than the name of a service: see README.md.
//
//     node runner.js TEST
//
// An agent starts it: `loadgrpc run --test-runner "node runner.js {test}" URL`. It runs the user
// that its assignment names, or all of them.

import grpc from "@grpc/grpc-js";
import { milliseconds } from "./clock.js";
import { exceptionInfo, live } from "./cycle.js";
import { Ending } from "./ending.js";
import { counter } from "./produced.js";
import { Publisher } from "./publisher.js";
import { describe } from "./reflection.js";
import { watch } from "./watch.js";

const SERVICE = "loadgrpc.v1.RunnerService";
const ASSIGNMENT_TIMEOUT_MS = 10_000;
const SIGTERM_GRACE_MS = 2000;
const CHANNEL = { "grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 3000 };

const env = process.env;
const source = {
  run_id: env.LOADGRPC_RUN_ID,
  agent_id: env.LOADGRPC_AGENT_ID,
  runner_id: env.LOADGRPC_RUNNER_ID,
};
const metadata = new grpc.Metadata();
metadata.set("authorization", `Bearer ${env.LOADGRPC_TOKEN}`);

async function main() {
  const client = new grpc.Client(env.LOADGRPC_ENDPOINT, grpc.credentials.createInsecure(), CHANNEL);
  const service = await describe(client, SERVICE, metadata);
  const { assignment } = await unary(client, service.GetAssignment, { source });
  const { path, requestSerialize, responseDeserialize } = service.PublishEvents;
  // What is sent was serialised when it was kept: the stream takes bytes.
  const asItIs = (bytes) => bytes;
  const open = () => client.makeBidiStreamRequest(path, asItIs, responseDeserialize, metadata);
  const publisher = new Publisher(open, requestSerialize, source);
  const publishing = publisher.run();
  await Promise.race([publishing, lead(assignment, publisher).then(() => publishing)]);
}

const unary = (client, { path, requestSerialize, responseDeserialize }, request) =>
  new Promise((resolve, reject) => {
    const answered = (error, answer) => (error ? reject(error) : resolve(answer));
    const options = { deadline: Date.now() + ASSIGNMENT_TIMEOUT_MS };
    client.makeUnaryRequest(
      ...[path, requestSerialize, responseDeserialize, request, metadata, options, answered],
    );
  });

// Leads the users through the cycles of the assignment.
async function lead(assignment, publisher) {
  let test;
  try {
    test = load(assignment);
  } catch (error) {
    publisher.finish(exceptionInfo(error));
    return;
  }
  const count = counter(env.LOADGRPC_RUN_DIR);
  const report = (event) => {
    count(event);
    publisher.report(event);
  };
  let ending;
  const stopped = new Promise((resolve) => {
    const stop = (graceMs) => {
      ending?.begin(graceMs);
      resolve("stopped");
    };
    publisher.on("stop", stop);
    process.on("SIGTERM", () => stop(SIGTERM_GRACE_MS));
  });
  for (const [at, planned] of assignment.cycles.entries()) {
    const cycle = { ...planned, number: (assignment.first_cycle || 1) + at };
    ending = new Ending();
    if (await Promise.race([stopped, publisher.ready(cycle.number)])) break;
    const everyone = Array.from({ length: cycle.users }, (_, index) => index + 1);
    const who = assignment.user ? [assignment.user] : everyone;
    const watched = watch(report);
    await live(cycle, who, test, ending, report);
    watched();
  }
  publisher.finish();
}

// What users do. Throws if the test is not a URL.
function load({ test, server_url, spawn_rate, stop_timeout }) {
  const whole = /^https?:/.test(test);
  const below = `${server_url.replace(/\/$/, "")}/${test.replace(/^\//, "")}`;
  return {
    name: test,
    url: new URL(whole ? test : below),
    spawnRate: spawn_rate,
    stopTimeoutMs: milliseconds(stop_timeout),
  };
}

process.on("SIGINT", () => {}); // Ctrl-C is for the command line to handle.
try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(`runner.js: ${error.message}`);
  process.exit(1);
}
