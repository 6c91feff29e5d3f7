package natsjs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/riskd-io/riskd/pkg/broker"
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

// streams lists every stream, those under the buckets included.
func (t Topology) streams() []jetstream.StreamConfig {
	out := []jetstream.StreamConfig{t.signals(), t.notices(), t.dead(), t.flags(), t.workers(), t.policies()}
	for p := range t.Partitions {
		out = append(out, t.events(p), t.journal(p), t.pages(p))
	}
	return out
}

func (t Topology) base(name string, subjects ...string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: subjects, Storage: jetstream.FileStorage, Replicas: t.Replicas,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, AllowDirect: true,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Duplicates: t.DedupeWindow,
		Metadata:   map[string]string{metaPartitions: strconv.Itoa(t.Partitions)},
	}
}

func (t Topology) events(p int) jetstream.StreamConfig {
	c := t.base(subject.EventsStream(p), subject.EventsPartitioned+"."+strconv.Itoa(p)+".*.*")
	c.Description = "input of partition " + strconv.Itoa(p)
	c.Discard, c.DenyDelete = jetstream.DiscardNew, true
	if t.EventsMaxBytes > 0 {
		c.MaxBytes = t.EventsMaxBytes
	}
	return c
}

func (t Topology) journal(p int) jetstream.StreamConfig {
	c := t.base(subject.JournalStream(p), subject.JournalOf(p))
	c.Description = "ledger of partition " + strconv.Itoa(p)
	c.Discard, c.DenyDelete = jetstream.DiscardNew, true
	return c
}

func (t Topology) pages(p int) jetstream.StreamConfig {
	c := t.base(subject.PagesStream(p), subject.Pages+"."+strconv.Itoa(p)+".*")
	c.Description = "checkpointed profiles of partition " + strconv.Itoa(p)
	c.MaxMsgsPerSubject = 1
	return c
}

func (t Topology) signals() jetstream.StreamConfig {
	c := t.base(subject.SignalsStream, subject.Signals+".>")
	c.Description = "every revision of every challenge"
	c.MaxAge = t.SignalsMaxAge
	// A new owner repeats the signals that may not have been published.
	c.Duplicates = max(t.DedupeWindow, 2*time.Minute)
	return c
}

func (t Topology) notices() jetstream.StreamConfig {
	c := t.base(subject.NoticesStream, subject.Notices+".>")
	c.Description = "what rules that notify have said"
	c.MaxAge, c.MaxBytes, c.Duplicates = broker.NoticesMaxAge, broker.NoticesMaxBytes, max(t.DedupeWindow, 2*time.Minute)
	return c
}

func (t Topology) dead() jetstream.StreamConfig {
	c := t.base(subject.DeadStream, subject.Dead+".*")
	c.Description = "messages that are no events, with the reason"
	c.MaxAge, c.Duplicates = t.DeadMaxAge, max(t.DedupeWindow, 2*time.Minute)
	return c
}

// flags and workers are key-value buckets: streams of the shape that every NATS client knows as one.
func (t Topology) flags() jetstream.StreamConfig {
	c := t.bucket(subject.StepUpBucket)
	c.Description = "sessions that are not clear"
	c.AllowMsgTTL, c.SubjectDeleteMarkerTTL = true, flagMarkerTTL
	return c
}

func (t Topology) workers() jetstream.StreamConfig {
	c := t.bucket(subject.WorkersBucket)
	c.Description = "live workers and the partitions they hold"
	// In memory: with an embedded server, a crash ends the worker's entry along with the worker.
	c.Storage, c.MaxAge = jetstream.MemoryStorage, t.LeaseTTL
	c.Duplicates = min(c.Duplicates, t.LeaseTTL)
	return c
}

func (t Topology) policies() jetstream.StreamConfig {
	c := t.bucket(subject.PoliciesBucket)
	c.Description = "policies: every version, and the log of what was done with them"
	return c
}

func (t Topology) bucket(name string) jetstream.StreamConfig {
	c := t.base("KV_"+name, "$KV."+name+".>")
	c.MaxMsgsPerSubject, c.Discard = 1, jetstream.DiscardNew
	c.AllowRollup, c.DenyDelete = true, true
	return c
}

func nameInUse(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) || errors.As(err, &api) && api.ErrorCode == codeStreamNameInUse
}

// ensureStream creates the stream, or changes the limits of the existing one when they differ.
func ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	s, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if s, err = js.CreateStream(ctx, want); nameInUse(err) {
			s, err = js.Stream(ctx, want.Name) // another process made it
		}
	}
	if err != nil {
		return fmt.Errorf("ensuring stream %s: %w", want.Name, err)
	}
	have := s.CachedInfo().Config
	if strings.Join(have.Subjects, " ") != strings.Join(want.Subjects, " ") || have.Storage != want.Storage {
		return fmt.Errorf("ensuring stream %s: it exists with subjects %v, want %v: it belongs to something else", want.Name, have.Subjects, want.Subjects)
	}
	if have.Replicas == want.Replicas && have.MaxAge == want.MaxAge && have.Duplicates == want.Duplicates && have.MaxBytes == want.MaxBytes {
		return nil
	}
	have.Replicas, have.MaxAge, have.Duplicates, have.MaxBytes = want.Replicas, want.MaxAge, want.Duplicates, want.MaxBytes
	if _, err := js.UpdateStream(ctx, have); err != nil {
		return fmt.Errorf("updating stream %s: %w", want.Name, err)
	}
	return nil
}
