package io.loadgrpc.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loadgrpc.v1.*;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is sent when, without a network: what the conformance kit cannot bring about, above all. */
class OutboxTest {
    private Outbox outbox;

    @BeforeEach
    void makeOne() throws Exception {
        outbox = new Outbox(Produced.in(null));
    }

    /** Numbers go on from batch to batch, and no batch is larger than the other side takes. */
    @Test
    void batchesAreNumberedAndWithinTheLimit() throws Exception {
        addHits(1000, "x");

        List<PublishEventsRequest> said = allThatIsSaid(open(0, 4096));

        long next = 1;
        for (PublishEventsRequest request : said.subList(0, said.size() - 1)) {
            assertEquals(next, request.getBatch().getFirstSequence());
            assertTrue(request.getBatch().getSerializedSize() <= 4096);
            next += request.getBatch().getEventsCount();
        }
        assertEquals(1001, next);
        assertEquals(1000, said.get(said.size() - 1).getFinish().getTotals().getHits());
    }

    /** A new stream begins with what is not durable, and ends with `finish` again. */
    @Test
    void whatIsNotAckedIsSaidAgain() throws Exception {
        addHits(10, "x");
        allThatIsSaid(open(0, 0));

        List<PublishEventsRequest> again = allThatIsSaid(open(0, 0));
        List<PublishEventsRequest> rest = allThatIsSaid(open(10, 0));

        assertEquals(10, again.get(0).getBatch().getEventsCount());
        assertTrue(again.get(1).hasFinish());
        assertTrue(rest.get(0).hasFinish());
    }

    /** When memory is full, events give up their room and keep their numbers. */
    @Test
    void whatFindsNoRoomIsSkipped() throws Exception {
        int fit = 64;
        String mebibyte = "x".repeat(1 << 20);
        addHits(fit + 6, mebibyte);
        outbox.add(Event.newBuilder().setTestStop(TestStop.newBuilder().setTest("x")));

        List<PublishEventsRequest> said = allThatIsSaid(open(0, 0));

        Skip skip = said.get(said.size() - 2).getSkip();
        assertEquals(fit + 1, skip.getFirstSequence());
        assertEquals(7, skip.getCount());
        assertEquals(6, skip.getHits());
        assertEquals(fit + 7, said.get(said.size() - 1).getFinish().getTotals().getEvents());
    }

    /** An event that no batch may hold is declared lost, and those around it are not. */
    @Test
    void anEventThatIsTooLargeIsSkipped() throws Exception {
        addHits(1, "x");
        addHits(1, "x".repeat(5000));
        addHits(1, "x");

        List<PublishEventsRequest> said = allThatIsSaid(open(0, 4096));

        assertEquals(1, said.get(0).getBatch().getEventsCount());
        assertEquals(2, said.get(1).getSkip().getFirstSequence());
        assertEquals(1, said.get(1).getSkip().getHits());
        assertEquals(3, said.get(2).getBatch().getFirstSequence());
    }

    /** A batch that was refused comes again in halves, and so does what followed it. */
    @Test
    void aBatchThatWasTooLargeIsSplit() throws Exception {
        addHits(10, "x");
        allThatIsSaid(open(0, 0));

        outbox.tooLarge(1);
        List<PublishEventsRequest> again = allThatIsSaid(null);

        assertEquals(5, again.get(0).getBatch().getEventsCount());
        assertEquals(6, again.get(1).getBatch().getFirstSequence());
        assertTrue(again.get(2).hasFinish());
    }

    /** What was acked is gone; when it is asked for all the same, it is declared lost. */
    @Test
    void whatIsForgottenIsSkipped() throws Exception {
        addHits(10, "x");
        allThatIsSaid(open(0, 0));
        outbox.acked(10);

        List<PublishEventsRequest> said = allThatIsSaid(open(4, 0));

        assertEquals(5, said.get(0).getSkip().getFirstSequence());
        assertEquals(6, said.get(0).getSkip().getCount());
        assertTrue(said.get(1).hasFinish());
    }

    private void addHits(int count, String url) {
        for (int each = 0; each < count; each++) {
            outbox.add(Event.newBuilder().setHit(Hit.newBuilder().setUrl(url)));
        }
    }

    /** The `opened` of a receiver with this much on its disk; 0 bytes: it sets no limit. */
    private static SourceOpened open(long durable, long maxBatchBytes) {
        Limits.Builder limits = Limits.newBuilder().setMaxBatchBytes(maxBatchBytes);
        return SourceOpened.newBuilder().setDurableSequence(durable).setLimits(limits).build();
    }

    /** What is sent up to `finish`, on a new stream or, with null, on the one that is open. */
    private List<PublishEventsRequest> allThatIsSaid(SourceOpened opened) throws Exception {
        if (opened != null) {
            outbox.begin();
            outbox.opened(opened);
        }
        outbox.finish(Finish.newBuilder());
        List<PublishEventsRequest> said = new ArrayList<>();
        do {
            said.add(outbox.next());
        } while (!said.get(said.size() - 1).hasFinish());
        return said;
    }
}
