package io.loadgrpc.runner;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.loadgrpc.v1.*;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Keeps a PublishEvents stream open, sends what is in the outbox, and hands on what is answered.
 *
 * <p>When the stream breaks it opens another, with a higher epoch, later and later.
 */
final class Publisher implements Runnable {
    private static final long FIRST_PAUSE_MS = 100;
    private static final long LAST_PAUSE_MS = 3000;

    /** Statuses that do not go away by trying again. */
    private static final Set<Status.Code> FINAL = EnumSet.of(
            Status.Code.UNAUTHENTICATED, Status.Code.PERMISSION_DENIED,
            Status.Code.INVALID_ARGUMENT, Status.Code.NOT_FOUND, Status.Code.UNIMPLEMENTED);

    private final ManagedChannel channel;
    private final SourceId source;
    private final Outbox outbox;
    private final Load load;
    private final CompletableFuture<Void> over = new CompletableFuture<>();
    private volatile long pauseMs = FIRST_PAUSE_MS;

    Publisher(ManagedChannel channel, SourceId source, Outbox outbox, Load load) {
        this.channel = channel;
        this.source = source;
        this.outbox = outbox;
        this.load = load;
    }

    /** Completed when the other side has everything; by an error when it wants no more. */
    CompletableFuture<Void> over() {
        return over;
    }

    @Override
    public void run() {
        try {
            for (long epoch = 1; !over.isDone(); epoch++) {
                stream(epoch);
                Thread.sleep((long) (pauseMs * ThreadLocalRandom.current().nextDouble(0.75, 1.25)));
                pauseMs = Math.min(LAST_PAUSE_MS, 2 * pauseMs);
                channel.resetConnectBackoff(); // this pause is enough
            }
        } catch (InterruptedException error) {
            over.completeExceptionally(error);
        }
    }

    private void stream(long epoch) throws InterruptedException {
        outbox.begin();
        var requests = RunnerServiceGrpc.newStub(channel).publishEvents(new Answers());
        var capabilities = RunnerCapabilities.newBuilder().setCycleBarrier(load.waitsForOthers());
        var open = OpenSource.newBuilder().setEpoch(epoch).setCapabilities(capabilities);
        requests.onNext(PublishEventsRequest.newBuilder().setSource(source).setOpen(open).build());
        for (PublishEventsRequest next; (next = outbox.next()) != null; ) {
            requests.onNext(next);
        }
    }

    private void fail(String why) {
        over.completeExceptionally(new IllegalStateException(why));
        outbox.end();
    }

    private final class Answers implements StreamObserver<PublishEventsResponse> {
        @Override
        public void onNext(PublishEventsResponse answer) {
            switch (answer.getMessageCase()) {
                case OPENED -> {
                    pauseMs = FIRST_PAUSE_MS;
                    outbox.opened(answer.getOpened());
                }
                case ACK -> outbox.acked(answer.getAck().getDurableSequence());
                case GAP -> outbox.gap(answer.getGap().getExpectedSequence());
                case TOO_LARGE -> outbox.tooLarge(answer.getTooLarge().getFirstSequence());
                case REJECTED -> System.err.println(
                        "rejected: " + String.join("; ", answer.getRejected().getViolationsList()));
                case START_CYCLE -> {
                    outbox.started(answer.getStartCycle().getCycle());
                    load.start(answer.getStartCycle().getCycle());
                }
                case STOP -> load.stop(Clock.nanos(answer.getStop().getStopTimeout()));
                case FINISHED -> {
                    over.complete(null);
                    outbox.end();
                }
                case RUN_CLOSED -> fail("the run is over");
                case ERROR -> fail(
                        answer.getError().getReason() + ": " + answer.getError().getMessage());
                default -> {} // a newer peer's
            }
        }

        @Override
        public void onError(Throwable error) {
            Status status = Status.fromThrowable(error);
            if (FINAL.contains(status.getCode())) {
                fail(status.getCode() + ": " + status.getDescription());
            }
            outbox.end();
        }

        @Override
        public void onCompleted() {
            outbox.end();
        }
    }
}
