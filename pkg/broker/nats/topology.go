package natsjs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// metaPartitions is the stream metadata that keeps the installation's partition count.
	metaPartitions = "riskd.partitions"
	// MaxPartitions bounds what one installation may have.
	MaxPartitions = 1024
	// ensureParallel is how many streams are created or looked at together.
	ensureParallel = 8
)

// Topology is the set of streams and buckets of an installation.
type Topology struct {
	// Partitions is fixed when the installation is created. 0: what exists, else [subject.DefaultPartitions].
	Partitions int
	// Replicas of every stream: 1 on a single server, 3 in a cluster. Default 1.
	Replicas int
	// DedupeWindow is how long the server itself drops a repeated Nats-Msg-Id. Default 1 min; later repeats
	// are seen by the engine, which knows each user's recent event ids.
	DedupeWindow time.Duration
	// SignalsMaxAge and DeadMaxAge are how long signals and dead letters stay. Default 7 and 30 days.
	SignalsMaxAge, DeadMaxAge time.Duration
	// EventsMaxBytes bounds each partition's waiting input; publishers are refused beyond. 0: no bound.
	EventsMaxBytes int64
	// LeaseTTL is how long a silent worker's entry stays in [subject.WorkersBucket]. Default 3 s.
	LeaseTTL time.Duration
}

// DefaultTopology has one replica and adopts the partition count it finds.
func DefaultTopology() Topology {
	return Topology{Replicas: 1, DedupeWindow: time.Minute, SignalsMaxAge: 7 * 24 * time.Hour, DeadMaxAge: 30 * 24 * time.Hour,
		LeaseTTL: 3 * time.Second}
}

// Validate joins all faults.
func (t Topology) Validate() error {
	var errs []error
	if t.Partitions < 0 || t.Partitions > MaxPartitions {
		errs = append(errs, fmt.Errorf("partitions: %d is outside 1 to %d", t.Partitions, MaxPartitions))
	}
	if t.Replicas < 1 || t.Replicas > 5 || t.Replicas%2 == 0 {
		errs = append(errs, fmt.Errorf("replicas: %d is not 1, 3 or 5", t.Replicas))
	}
	if t.DedupeWindow < time.Second || t.SignalsMaxAge < time.Hour || t.DeadMaxAge < time.Hour {
		errs = append(errs, errors.New("dedupe window must be at least 1 s, ages at least 1 h"))
	}
	if t.LeaseTTL < time.Second {
		errs = append(errs, fmt.Errorf("lease ttl: %s is below 1 s", t.LeaseTTL))
	}
	if t.EventsMaxBytes < 0 {
		errs = append(errs, errors.New("events max bytes: negative"))
	}
	return errors.Join(errs...)
}

// PartitionsError tells that an installation has another number of partitions than asked for.
type PartitionsError struct{ Have, Want int }

func (e *PartitionsError) Error() string {
	return fmt.Sprintf("this installation was created with %d partitions, -partitions asks for %d; the count is fixed, because users would move: use %d",
		e.Have, e.Want, e.Have)
}

// ErrNoInstallation is wrapped by [Partitions] when no riskd has set up this server yet.
var ErrNoInstallation = errors.New("no riskd installation on this nats server")

// Partitions reads the partition count of the installation.
func Partitions(ctx context.Context, js jetstream.JetStream) (int, error) {
	s, err := js.Stream(ctx, subject.SignalsStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, ErrNoInstallation
	}
	if err != nil {
		return 0, fmt.Errorf("reading partition count: %w", err)
	}
	text := s.CachedInfo().Config.Metadata[metaPartitions]
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxPartitions {
		return 0, fmt.Errorf("reading partition count: stream %s has %s=%q, which is no partition count", subject.SignalsStream, metaPartitions, text)
	}
	return n, nil
}

// Ensure creates what is missing, adjusts limits that differ, and returns the topology with the
// partition count in force. It may run in several processes at once. A partition count
// other than the installation's is a [PartitionsError].
func Ensure(ctx context.Context, js jetstream.JetStream, t Topology) (Topology, error) {
	if err := t.Validate(); err != nil {
		return t, fmt.Errorf("ensuring streams: %w", err)
	}
	want := t.Partitions
	have, err := Partitions(ctx, js)
	switch {
	case errors.Is(err, ErrNoInstallation):
		if t.Partitions == 0 {
			t.Partitions = subject.DefaultPartitions
		}
		// The signals stream comes first: the server lets one creator win, and it keeps the count.
		_, err = js.CreateStream(ctx, t.signals())
		if err != nil && !nameInUse(err) {
			return t, fmt.Errorf("creating stream %s: %w", subject.SignalsStream, err)
		}
		if have, err = Partitions(ctx, js); err != nil {
			return t, err
		}
	case err != nil:
		return t, err
	}
	if want != 0 && have != want {
		return t, &PartitionsError{Have: have, Want: want}
	}
	t.Partitions = have

	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(ensureParallel)
	for _, cfg := range t.streams() {
		g.Go(func() error { return ensureStream(gctx, js, cfg) })
	}
	if err := g.Wait(); err != nil {
		return t, err
	}
	return t, nil
}
