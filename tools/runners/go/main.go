// A runner for loadgrpc in Go: runs virtual users who each GET a URL, over and over, and
// reports every hit and every iteration. Its protocol is runner.proto.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

const (
	assignmentTimeout = 10 * time.Second
	// How long users may take to finish their iteration when SIGTERM came.
	sigtermGrace = 2 * time.Second
	maxMessage   = 16 << 20
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // there is little to keep: collect less often
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run runs the assignment to its end; nil when all that happened was taken.
func run() error {
	source := &v1.SourceId{
		RunId:    os.Getenv("LOADGRPC_RUN_ID"),
		AgentId:  os.Getenv("LOADGRPC_AGENT_ID"),
		RunnerId: os.Getenv("LOADGRPC_RUNNER_ID"),
	}
	endpoint := os.Getenv("LOADGRPC_ENDPOINT")
	if endpoint == "" {
		return errors.New("LOADGRPC_ENDPOINT is not set: agents start this program, see README.md")
	}
	connection, err := dial(endpoint)
	if err != nil {
		return err
	}
	defer connection.Close()
	client := v1.NewRunnerServiceClient(connection)
	ctx := metadata.AppendToOutgoingContext(
		context.Background(), "authorization", "Bearer "+os.Getenv("LOADGRPC_TOKEN"))

	assignment, err := ask(ctx, client, source)
	if err != nil {
		return err
	}
	publisher := newPublisher(client, source, assignment.User == 0)
	recorder := newRecorder(publisher, openProduced(os.Getenv("LOADGRPC_RUN_DIR")))
	load := newLoad(assignment, recorder, publisher)
	stopOnSignal(load)

	go func() {
		loadError := load.run()
		recorder.close()
		publisher.finish(loadError)
	}()
	return publisher.run(ctx, load)
}

func dial(endpoint string) (*grpc.ClientConn, error) {
	pauses := backoff.Config{BaseDelay: firstPause, Multiplier: 2, Jitter: 0.5, MaxDelay: mostPause}
	return grpc.NewClient(endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // loopback
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: pauses, MinConnectTimeout: mostPause}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 20 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(
			grpc.WaitForReady(true), grpc.MaxCallRecvMsgSize(maxMessage)),
	)
}

func ask(
	ctx context.Context, client v1.RunnerServiceClient, source *v1.SourceId,
) (*v1.Assignment, error) {
	ctx, cancel := context.WithTimeout(ctx, assignmentTimeout)
	defer cancel()
	response, err := client.GetAssignment(ctx, &v1.GetAssignmentRequest{Source: source})
	if err != nil {
		return nil, fmt.Errorf("no assignment: %w", err)
	}
	return response.Assignment, nil
}

func stopOnSignal(load *load) {
	signal.Ignore(syscall.SIGINT) // Ctrl-C is for the command line to handle
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		for range signals {
			load.stop(sigtermGrace)
		}
	}()
}
