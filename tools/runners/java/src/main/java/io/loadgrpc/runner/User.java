package io.loadgrpc.runner;

import io.loadgrpc.v1.*;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.function.IntPredicate;
import okhttp3.HttpUrl;

/**
 * A virtual user of a cycle: asks for the test's URL, again and again, and reports what happens.
 *
 * <p>An iteration is: start, the hit, its outcome, stop. One that was cut off has no outcome.
 */
final class User {
    private static final int FIRST_FAILED_STATUS = 400;

    private final String test;
    private final HttpUrl url;
    private final Outbox outbox;
    private final LoadStatus.Builder status;
    private final Browser browser = new Browser();

    User(String test, HttpUrl url, Outbox outbox, LoadStatus status) {
        this.test = test;
        this.url = url;
        this.outbox = outbox;
        this.status = status.toBuilder();
    }

    /** Lives for as long as the next iteration, of this number, may begin. */
    void live(IntPredicate goesOn) {
        for (int iteration = 1; goesOn.test(iteration); iteration++) {
            iterate(status.setCurrentIteration(iteration).build());
        }
        browser.close();
    }

    private void iterate(LoadStatus where) {
        outbox.add(event(where).setTestStart(TestStart.newBuilder().setTest(test)));
        Browser.Visit visit = browser.get(url);
        Hit hit = visit.hit();
        outbox.add(event(where).setTime(Clock.timestamp(visit.endedAt())).setHit(hit));
        if (visit.error() != null && hit.getError() != HitError.HIT_ERROR_ABORTED) {
            var error = TestError.newBuilder().setTest(test).setException(raised(visit.error()));
            outbox.add(event(where).setTestError(error));
        } else if (visit.error() == null && hit.getStatus() >= FIRST_FAILED_STATUS) {
            var failure = TestFailure.newBuilder().setTest(test).setException(failed(hit));
            outbox.add(event(where).setTestFailure(failure));
        } else if (visit.error() == null) {
            outbox.add(event(where).setTestSuccess(TestSuccess.newBuilder().setTest(test)));
        }
        outbox.add(event(where).setTestStop(TestStop.newBuilder().setTest(test)));
    }

    private static Event.Builder event(LoadStatus where) {
        return Event.newBuilder().setTime(Clock.timestamp(System.nanoTime())).setStatus(where);
    }

    private static ExceptionInfo failed(Hit hit) {
        String message = "GET " + hit.getUrl() + " answered " + hit.getStatus();
        return ExceptionInfo.newBuilder().setType("StatusError").setMessage(message).build();
    }

    private static ExceptionInfo raised(IOException error) {
        StringWriter trace = new StringWriter();
        error.printStackTrace(new PrintWriter(trace, true));
        return ExceptionInfo.newBuilder()
                .setType(error.getClass().getName())
                .setMessage(String.valueOf(error.getMessage()))
                .setTraceback(trace.toString())
                .build();
    }
}
