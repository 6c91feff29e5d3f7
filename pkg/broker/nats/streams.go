package natsjs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/schemas/subject"
)

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
