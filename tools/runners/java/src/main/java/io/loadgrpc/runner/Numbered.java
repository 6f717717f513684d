package io.loadgrpc.runner;

import com.google.protobuf.CodedOutputStream;
import io.loadgrpc.v1.*;
import java.util.ArrayList;
import java.util.List;

/** Events that have numbers, one after another: a batch of them, or so many that were dropped. */
final class Numbered {
    private static final int HEAD_BYTES = 32;

    /** What an event weighs beside its bytes, as the objects it is made of; roughly. */
    private static final int OBJECTS_BYTES = 150;

    final long first;
    private long count;
    private long hits;
    private long bytes = HEAD_BYTES;
    private final List<Event> events;
    private final String reason;

    private Numbered(long first, List<Event> events, String reason) {
        this.first = first;
        this.events = events;
        this.reason = reason;
    }

    static Numbered batch(long first) {
        return new Numbered(first, new ArrayList<>(), null);
    }

    /** Numbers whose events never come. */
    static Numbered skip(long first, String reason) {
        return new Numbered(first, null, reason);
    }

    boolean isBatch() {
        return events != null;
    }

    long last() {
        return first + count - 1;
    }

    /** Bytes, as the limits of the other side count them. */
    long bytes() {
        return isBatch() ? bytes : 0;
    }

    /** Bytes of memory. */
    long weight() {
        return isBatch() ? bytes + count * OBJECTS_BYTES : 0;
    }

    /** Takes an event, or only its number. */
    void add(Event event) {
        count++;
        hits += event.hasHit() ? 1 : 0;
        if (isBatch()) {
            events.add(event);
            bytes += CodedOutputStream.computeMessageSize(EventBatch.EVENTS_FIELD_NUMBER, event);
        }
    }

    /** Takes numbers of which nothing is known. */
    void add(long numbers) {
        count += numbers;
    }

    /** The same numbers in two batches; an event that is too large by itself is skipped. */
    List<Numbered> split() {
        if (count == 1) {
            Numbered skip = skip(first, "an event was larger than a batch may be");
            skip.add(events.get(0));
            return List.of(skip);
        }
        Numbered low = batch(first);
        Numbered high = batch(first + count / 2);
        for (Event event : events) {
            (low.last() + 1 < high.first ? low : high).add(event);
        }
        return List.of(low, high);
    }

    PublishEventsRequest request() {
        PublishEventsRequest.Builder request = PublishEventsRequest.newBuilder();
        if (isBatch()) {
            EventBatch.Builder batch = EventBatch.newBuilder().setFirstSequence(first);
            return request.setBatch(batch.addAllEvents(events)).build();
        }
        Skip.Builder skip = Skip.newBuilder().setFirstSequence(first).setCount(count);
        return request.setSkip(skip.setHits(hits).setReason(reason)).build();
    }
}
