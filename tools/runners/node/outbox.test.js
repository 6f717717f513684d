// What the outbox owes the protocol, case by case. Messages are as they are, except for their JSON.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "./outbox.js";

const LIMITS = { max_batch_bytes: 1e6, max_unacked_batches: 64, max_unacked_bytes: 1e7 };
const encode = (message) => Buffer.from(JSON.stringify(message));

function reported(count, event = {}) {
  const outbox = new Outbox(encode);
  for (let at = 0; at < count; at += 1) outbox.add(event);
  return outbox;
}

// What it says now: of batches and skips the first and the last number, as "1-10".
function said(outbox) {
  const words = [];
  for (let bytes; (bytes = outbox.next());) {
    const { batch, skip, ready, finish } = JSON.parse(bytes);
    if (batch) words.push(range(batch.first_sequence, batch.events.length));
    if (skip) words.push(`skip ${range(skip.first_sequence, skip.count)}`);
    if (ready) words.push(`ready ${ready.cycle}`);
    if (finish) words.push(`finish ${finish.totals.events}`);
  }
  return words;
}

const range = (first, count) => `${first}-${first + count - 1}`;

function finish(outbox) {
  outbox.finish({ events: outbox.produced, hits: outbox.hits });
  return outbox;
}

test("nothing is said before the stream is open, and finish comes last", () => {
  const outbox = finish(reported(3));
  outbox.ready(1);
  assert.deepEqual(said(outbox), []);
  outbox.opened(0, LIMITS);
  assert.deepEqual(said(outbox), ["ready 1", "1-3", "finish 3"]);
});

test("numbers go on from batch to batch without gaps", () => {
  const outbox = reported(2500);
  outbox.opened(0, LIMITS);
  assert.deepEqual(said(outbox), ["1-1000", "1001-2000", "2001-2500"]);
});

test("on a new stream all is said again from the number after the durable one", () => {
  const outbox = finish(reported(2500));
  outbox.opened(0, LIMITS);
  said(outbox);
  outbox.closed();
  assert.deepEqual(said(outbox), []);
  outbox.opened(1500, LIMITS);
  assert.deepEqual(said(outbox), ["1501-2000", "2001-2500", "finish 2500"]);
});

test("a ready that was not answered is said again, one that was is not", () => {
  const outbox = reported(0);
  outbox.ready(1);
  outbox.opened(0, LIMITS);
  assert.deepEqual(said(outbox), ["ready 1"]);
  outbox.opened(0, LIMITS);
  assert.deepEqual(said(outbox), ["ready 1"]);
  outbox.started(1);
  outbox.opened(0, LIMITS);
  assert.deepEqual(said(outbox), []);
});

test("no more batches are on their way than the limits allow", () => {
  const outbox = reported(2500);
  outbox.opened(0, { ...LIMITS, max_unacked_batches: 2 });
  assert.deepEqual(said(outbox), ["1-1000", "1001-2000"]);
  outbox.acked(1000);
  assert.deepEqual(said(outbox), ["2001-2500"]);
});

test("no more bytes are on their way than the limits allow, but one batch always is", () => {
  const outbox = reported(2000);
  outbox.opened(0, { ...LIMITS, max_unacked_bytes: 10 });
  assert.deepEqual(said(outbox), ["1-1000"]);
  outbox.acked(1000);
  assert.deepEqual(said(outbox), ["1001-2000"]);
});

test("a limit of 0 is none", () => {
  const outbox = reported(2500);
  outbox.opened(0, { max_batch_bytes: 0, max_unacked_batches: 0, max_unacked_bytes: 0 });
  assert.deepEqual(said(outbox), ["1-1000", "1001-2000", "2001-2500"]);
});

test("a batch over the bound is split before it is sent", () => {
  const outbox = reported(4, { text: "x".repeat(100) });
  outbox.opened(0, { ...LIMITS, max_batch_bytes: 300 });
  assert.deepEqual(said(outbox), ["1-2", "3-4"]);
});

test("after too_large the halves come, then what was ignored meanwhile", () => {
  const outbox = reported(1500);
  outbox.opened(0, LIMITS);
  said(outbox);
  outbox.tooLarge(1);
  assert.deepEqual(said(outbox), ["1-500", "501-1000", "1001-1500"]);
});

test("an event that is too large by itself is declared lost", () => {
  const outbox = reported(1, { hit: {}, text: "x".repeat(1000) });
  outbox.opened(0, { ...LIMITS, max_batch_bytes: 300 });
  assert.deepEqual(said(outbox), ["skip 1-1"]);
});

test("after a gap all is said again from the number expected", () => {
  const outbox = finish(reported(2500));
  outbox.opened(0, LIMITS);
  said(outbox);
  outbox.gap(1001);
  assert.deepEqual(said(outbox), ["1001-2000", "2001-2500", "finish 2500"]);
});

test("numbers that were acked and are asked for again are declared lost", () => {
  const outbox = reported(1500);
  outbox.opened(0, LIMITS);
  said(outbox);
  outbox.acked(1000);
  outbox.opened(400, LIMITS);
  assert.deepEqual(said(outbox), ["skip 401-1000", "1001-1500"]);
});

test("what there is no room for is dropped and declared, and counted as produced", () => {
  const outbox = reported(100_007, { hit: {} });
  outbox.opened(0, { ...LIMITS, max_unacked_batches: 1000 });
  const words = said(outbox);
  assert.equal(words.length, 101);
  assert.equal(words.at(-1), "skip 100001-100007");
  assert.equal(outbox.produced, 100_007);
  assert.equal(outbox.hits, 100_007);
  outbox.acked(100_007);
  outbox.add({});
  assert.deepEqual(said(outbox), ["100008-100008"]);
});
