package io.loadgrpc.runner;

import io.loadgrpc.v1.*;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ProtocolException;
import java.net.Proxy;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import okhttp3.Call;
import okhttp3.Connection;
import okhttp3.ConnectionPool;
import okhttp3.EventListener;
import okhttp3.HttpUrl;
import okhttp3.OkHttpClient;
import okhttp3.Protocol;
import okhttp3.Request;
import okhttp3.Response;
import okio.Okio;

/**
 * What a user asks the server with: one connection, which is kept, and a hit for each request.
 *
 * <p>A request blocks its user's thread and no other has a hand in it, so its time is its own.
 * What OkHttp would do unasked is off: a retry or a redirect would be a hit of its own.
 */
final class Browser extends EventListener {
    private static final OkHttpClient SHARED = new OkHttpClient.Builder()
            .protocols(List.of(Protocol.HTTP_1_1))
            .retryOnConnectionFailure(false)
            .followRedirects(false)
            .connectTimeout(30, TimeUnit.SECONDS)
            .readTimeout(60, TimeUnit.SECONDS)
            .build();

    private final OkHttpClient client = SHARED.newBuilder()
            .connectionPool(new ConnectionPool(1, 5, TimeUnit.MINUTES))
            .eventListener(this)
            .build();

    private long connectNanos;
    private long connectStart;
    private long firstByte;
    private boolean connected;

    /** A hit, the moment it ended, and what was thrown when there was no whole answer. */
    record Visit(Hit hit, long endedAt, IOException error) {}

    /** Makes one request; blocks until its answer is read to its last byte. */
    Visit get(HttpUrl url) {
        connectNanos = firstByte = 0;
        connected = false;
        Hit.Builder hit =
                Hit.newBuilder().setUrl(url.toString()).setMethod("GET").setProtocol("http");
        Call call = client.newCall(new Request.Builder().url(url).build());
        IOException error = null;
        long start = System.nanoTime();
        try (Response response = call.execute()) {
            hit.setStatus(response.code());
            response.body().source().readAll(Okio.blackhole());
        } catch (IOException raised) {
            error = raised;
        }
        long end = System.nanoTime();
        hit.setFailed(error != null || hit.getStatus() >= 400).setAttempt(1);
        if (error != null) {
            hit.setError(call.isCanceled() ? HitError.HIT_ERROR_ABORTED : kind(error));
            hit.setErrorMessage(String.valueOf(error.getMessage()));
        }
        if (connectNanos > 0) {
            hit.setConnect(Clock.duration(connectNanos));
        }
        if (firstByte > 0) {
            hit.setTimeToFirstByte(Clock.duration(firstByte - start));
        }
        return new Visit(hit.setElapsed(Clock.duration(end - start)).build(), end, error);
    }

    /** Closes the connection. */
    void close() {
        client.connectionPool().evictAll();
    }

    /** Cuts off whatever all users are asking for. */
    static void abortAll() {
        SHARED.dispatcher().cancelAll();
    }

    private HitError kind(IOException error) {
        if (error instanceof UnknownHostException) {
            return HitError.HIT_ERROR_DNS;
        } else if (error instanceof SocketTimeoutException) {
            return HitError.HIT_ERROR_TIMEOUT;
        } else if (!connected) {
            boolean tls = error instanceof SSLException;
            return tls ? HitError.HIT_ERROR_TLS : HitError.HIT_ERROR_CONNECT;
        }
        boolean protocol = error instanceof ProtocolException;
        return protocol ? HitError.HIT_ERROR_PROTOCOL : HitError.HIT_ERROR_CLOSED;
    }

    // What OkHttp reports about the request, in its user's thread.

    @Override
    public void connectStart(Call call, InetSocketAddress address, Proxy proxy) {
        connectStart = System.nanoTime();
    }

    @Override
    public void connectEnd(Call call, InetSocketAddress at, Proxy proxy, Protocol protocol) {
        connectNanos = System.nanoTime() - connectStart;
    }

    @Override
    public void connectionAcquired(Call call, Connection connection) {
        connected = true;
    }

    @Override
    public void responseHeadersStart(Call call) {
        firstByte = System.nanoTime();
    }
}
