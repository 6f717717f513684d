package io.loadgrpc.runner;

import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import io.loadgrpc.v1.*;
import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * A runner: asks what to do, does it, reports it, and waits until all of it is taken.
 *
 * <p>Exits with 0, or with 1 when it cannot report.
 */
public final class Main {
    private static final long ASSIGNMENT_S = 30;
    private static final long SIGTERM_GRACE_S = 2;

    private Main() {}

    /** Runs. What there is to do is in the assignment, so arguments are ignored. */
    public static void main(String[] arguments) {
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> {
            error.printStackTrace();
            exit(1);
        });
        try {
            run();
            exit(0);
        } catch (ExecutionException refused) {
            System.err.println(refused.getCause().getMessage());
        } catch (IOException | InterruptedException | RuntimeException error) {
            System.err.println(error);
        }
        exit(1);
    }

    private static void run() throws IOException, InterruptedException, ExecutionException {
        SourceId source = SourceId.newBuilder()
                .setRunId(variable("RUN_ID"))
                .setAgentId(variable("AGENT_ID"))
                .setRunnerId(variable("RUNNER_ID"))
                .build();
        ManagedChannel channel = channel(variable("ENDPOINT"), variable("TOKEN"));
        Assignment assignment = RunnerServiceGrpc.newBlockingStub(channel)
                .withWaitForReady()
                .withDeadlineAfter(ASSIGNMENT_S, TimeUnit.SECONDS)
                .getAssignment(GetAssignmentRequest.newBuilder().setSource(source).build())
                .getAssignment();
        Outbox outbox = new Outbox(Produced.in(System.getenv("LOADGRPC_RUN_DIR")));
        Load load = new Load(assignment, outbox);
        Publisher publisher = new Publisher(channel, source, outbox, load);
        Rehearsal.hold();
        finishOnSigterm(load);
        new Thread(publisher, "publisher").start();
        new Thread(() -> live(load, outbox), "load").start();
        publisher.over().get();
    }

    private static ManagedChannel channel(String endpoint, String token) {
        Metadata metadata = new Metadata();
        var authorization = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
        metadata.put(authorization, "Bearer " + token);
        return ManagedChannelBuilder.forTarget(endpoint)
                .usePlaintext()
                .intercept(MetadataUtils.newAttachHeadersInterceptor(metadata))
                .build();
    }

    private static void live(Load load, Outbox outbox) {
        try {
            outbox.finish(load.live());
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    private static void finishOnSigterm(Load load) {
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            load.stop(TimeUnit.SECONDS.toNanos(SIGTERM_GRACE_S));
            try {
                main.join(); // it ends the process when everything is taken
            } catch (InterruptedException error) {
                exit(1);
            }
        }));
    }

    private static String variable(String name) {
        String value = System.getenv("LOADGRPC_" + name);
        if (value == null) {
            throw new IllegalStateException("LOADGRPC_" + name + " is not set");
        }
        return value;
    }

    /** Ends the process at once; what it had to say is said. */
    private static void exit(int status) {
        System.err.flush();
        Runtime.getRuntime().halt(status);
    }
}
