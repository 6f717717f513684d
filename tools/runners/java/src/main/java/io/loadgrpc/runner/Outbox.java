package io.loadgrpc.runner;

import io.loadgrpc.v1.*;
import java.util.ArrayList;
import java.util.List;

/**
 * What the runner has said and the other side has not acked, in order.
 *
 * <p>Users put events in and never wait; when memory is full, what they bring is counted and
 * dropped. The publisher takes out what it may send, and tells what was answered. What is not
 * acked stays, and is sent again on the next stream; `ready` goes before, `finish` after it.
 */
final class Outbox {
    private static final long MAX_WEIGHT = 64 << 20;
    private static final int BATCH_BYTES = 256 << 10;
    private static final int FLUSH_MS = 100;
    private static final String TOO_FAST =
            "the runner made events faster than they could be reported";

    private final Produced produced;
    private final List<Numbered> kept = new ArrayList<>();
    private long weight;

    /** Whether more events may go into the last of what is kept. */
    private boolean filling;

    private PublishEventsRequest ready;
    private PublishEventsRequest finish;

    // Of the stream that is open.
    private boolean streaming;
    private Limits limits;
    private int sent;
    private boolean readySent;
    private boolean finishSent;

    Outbox(Produced produced) {
        this.produced = produced;
    }

    // What the runner says.

    /** Numbers an event and keeps it, or drops it and keeps its number. */
    void add(Event.Builder builder) {
        Event event = builder.build();
        event.getSerializedSize(); // is remembered, so that nobody waits for it below
        keep(event);
    }

    private synchronized void keep(Event event) {
        boolean full = weight >= MAX_WEIGHT;
        Numbered last = filling ? kept.get(kept.size() - 1) : null;
        if (last == null || last.isBatch() == full || last.bytes() >= BATCH_BYTES) {
            long first = produced.events() + 1;
            last = full ? Numbered.skip(first, TOO_FAST) : Numbered.batch(first);
            kept.add(last);
            filling = true;
            notifyAll();
        }
        weight -= last.weight();
        last.add(event);
        weight += last.weight();
        produced.count(event.hasHit());
    }

    /** The runner is ready for a cycle. */
    synchronized void ready(int cycle) {
        CycleReady.Builder message = CycleReady.newBuilder().setCycle(cycle);
        ready = PublishEventsRequest.newBuilder().setReady(message).build();
        readySent = false;
        notifyAll();
    }

    /** The runner has said everything, or what {@code message} has set instead. */
    synchronized void finish(Finish.Builder message) {
        SourceTotals.Builder totals = SourceTotals.newBuilder();
        totals.setEvents(produced.events()).setHits(produced.hits());
        finish = PublishEventsRequest.newBuilder().setFinish(message.setTotals(totals)).build();
        notifyAll();
    }

    // What the other side says.

    /** There is a stream on which nothing was said, and nothing may be before it is open. */
    synchronized void begin() {
        streaming = true;
        limits = null;
        sent = 0;
        readySent = finishSent = false;
    }

    synchronized void opened(SourceOpened opened) {
        limits = opened.getLimits();
        acked(opened.getDurableSequence());
        bridge(opened.getDurableSequence() + 1);
    }

    synchronized void acked(long durable) {
        while (!kept.isEmpty() && kept.get(0).last() <= durable) {
            weight -= kept.remove(0).weight();
            filling &= !kept.isEmpty();
            sent = Math.max(0, sent - 1);
        }
        notifyAll();
    }

    /** A number is missing there: what is kept is sent again. */
    synchronized void gap(long expected) {
        sent = 0;
        finishSent = false;
        bridge(expected);
        notifyAll();
    }

    synchronized void tooLarge(long first) {
        for (int at = 0; at < sent; at++) {
            if (kept.get(at).first == first) {
                split(at);
                sent = at;
                finishSent = false;
            }
        }
        notifyAll();
    }

    /** The cycle that `ready` was for has begun. */
    synchronized void started(int cycle) {
        if (ready != null && ready.getReady().getCycle() <= cycle) {
            ready = null;
        }
    }

    /** The stream has ended. */
    synchronized void end() {
        streaming = false;
        notifyAll();
    }

    // What the publisher takes.

    /** What is to be sent next; waits for it. Null: the stream has ended. */
    synchronized PublishEventsRequest next() throws InterruptedException {
        long flushAt = System.nanoTime() + FLUSH_MS * 1_000_000L;
        while (streaming) {
            if (limits != null) {
                boolean flush = finish != null || System.nanoTime() >= flushAt;
                PublishEventsRequest request = sendable(flush);
                if (request != null) {
                    return request;
                }
            }
            wait(FLUSH_MS);
        }
        return null;
    }

    private PublishEventsRequest sendable(boolean flush) {
        if (ready != null && !readySent) {
            readySent = true;
            return ready;
        }
        if (sent < kept.size()) {
            while (kept.get(sent).bytes() > largest()) {
                split(sent);
            }
            boolean last = filling && sent == kept.size() - 1;
            if (last && !flush || !windowOpen(kept.get(sent).bytes())) {
                return null;
            }
            filling &= !last;
            return kept.get(sent++).request();
        }
        if (finish != null && !finishSent) {
            finishSent = true;
            return finish;
        }
        return null;
    }

    private long largest() {
        return Math.min(bound(limits.getMaxBatchBytes()), bound(limits.getMaxUnackedBytes()));
    }

    /** Whether the other side accepts this many more bytes before it acks what was sent. */
    private boolean windowOpen(long bytes) {
        long unacked = kept.subList(0, sent).stream().mapToLong(Numbered::bytes).sum();
        return sent < bound(limits.getMaxUnackedBatches())
                && unacked + bytes <= bound(limits.getMaxUnackedBytes());
    }

    private static long bound(long limit) {
        return limit == 0 ? Long.MAX_VALUE : limit;
    }

    private void split(int at) {
        Numbered large = kept.remove(at);
        List<Numbered> parts = large.split();
        kept.addAll(at, parts);
        weight -= large.weight();
        parts.forEach(part -> weight += part.weight());
    }

    /** Declares lost what the other side has acked and asks for again, as after a backup. */
    private void bridge(long expected) {
        long first = kept.isEmpty() ? produced.events() + 1 : kept.get(0).first;
        if (expected < first) {
            Numbered skip = Numbered.skip(expected, "acked once, and lost since by its receiver");
            skip.add(first - expected);
            kept.add(0, skip);
        }
    }
}
