package io.loadgrpc.runner;

import io.loadgrpc.v1.*;
import okhttp3.HttpUrl;

/** The cycles of an assignment, one after another, each when the others are ready for it too. */
final class Load {
    private final Assignment assignment;
    private final Outbox outbox;
    private int started;
    private boolean stopping;
    private Crowd crowd;

    Load(Assignment assignment, Outbox outbox) {
        this.assignment = assignment;
        this.outbox = outbox;
    }

    /** Lives all cycles to their end, or until the load is stopped; the last word about it. */
    Finish.Builder live() throws InterruptedException {
        Finish.Builder finish = Finish.newBuilder();
        HttpUrl url;
        try {
            url = url();
        } catch (IllegalArgumentException none) {
            return finish.setLoadError(ExceptionInfo.newBuilder()
                    .setType(none.getClass().getName())
                    .setMessage(none.getMessage()));
        }
        int number = Math.max(1, assignment.getFirstCycle());
        for (Cycle cycle : assignment.getCyclesList()) {
            if (!enter(cycle, number++, url)) {
                break;
            }
            crowd.live();
        }
        return finish;
    }

    /** A cycle may begin. */
    synchronized void start(int cycle) {
        started = Math.max(started, cycle);
        notifyAll();
    }

    /** Lets users finish their iteration; those that take longer are cut off. */
    synchronized void stop(long timeoutNanos) {
        stopping = true;
        if (crowd != null) {
            crowd.stop(timeoutNanos);
        }
        notifyAll();
    }

    /** Not where each user has its process: that is started when the cycle begins. */
    boolean waitsForOthers() {
        return assignment.getUser() == 0;
    }

    /** Waits until a cycle may begin; false: the load is being stopped. */
    private synchronized boolean enter(Cycle cycle, int number, HttpUrl url)
            throws InterruptedException {
        if (waitsForOthers()) {
            outbox.ready(number);
            while (started < number && !stopping) {
                wait();
            }
        }
        crowd = new Crowd(assignment, cycle, number, url, outbox);
        return !stopping;
    }

    /** The test is a URL, or a path below the server's. */
    private HttpUrl url() {
        String test = assignment.getTest();
        if (test.contains("://")) {
            return HttpUrl.get(test);
        }
        String server = assignment.getServerUrl().replaceFirst("/+$", "");
        return HttpUrl.get(server + "/" + test.replaceFirst("^/+", ""));
    }
}
