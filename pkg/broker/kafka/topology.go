package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/schemas/subject"
)

// ErrNoInstallation is wrapped when riskd's topics are not there yet.
var ErrNoInstallation = errors.New("no riskd topics on this kafka cluster")

// Names of the topics, behind the prefix.
const (
	eventsTopic  = "events"
	journalTopic = "journal"
	pagesTopic   = "pages"
	signalsTopic = "signals"
	deadTopic    = "dead"
	noticesTopic = "notices"
)

func (b *Broker) topic(name string) string { return b.cfg.Prefix + name }

// topicSpec is one topic as riskd makes it, and what of it has to be so.
type topicSpec struct {
	name     string
	single   bool // one partition, whatever the others have
	settings map[string]string
	// must are the settings that are checked on a topic that exists, with the reason.
	must map[string]string
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (b *Broker) specs() []topicSpec {
	whole := strconv.Itoa(maxMessage)
	return []topicSpec{
		{name: journalTopic, settings: map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1",
			"max.message.bytes": whole, "compression.type": "producer", "unclean.leader.election.enable": "false"},
			must: map[string]string{"cleanup.policy": "compaction would remove records of the ledger", "retention.ms": "the ledger would lose records by itself; -scorer-journal-keep says how long they stay",
				"retention.bytes": "the ledger would lose records by itself", "unclean.leader.election.enable": "acknowledged records could be lost"}},
		{name: pagesTopic, settings: map[string]string{"cleanup.policy": "compact", "max.message.bytes": whole, "compression.type": "producer",
			"segment.bytes": "67108864", "min.cleanable.dirty.ratio": "0.3", "unclean.leader.election.enable": "false"},
			must: map[string]string{"cleanup.policy": "profiles would be lost with old segments"}},
		{name: signalsTopic, single: true, settings: map[string]string{"cleanup.policy": "compact,delete", "retention.ms": ms(broker.BindingTTL + 24*time.Hour),
			"segment.bytes": "16777216", "segment.ms": "3600000", "delete.retention.ms": ms(24 * time.Hour), "unclean.leader.election.enable": "false"},
			must: map[string]string{"cleanup.policy": "open flags would be lost, or the topic grow for ever"}},
		{name: policiesTopic, single: true, settings: map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1",
			"max.message.bytes": "4194304", "unclean.leader.election.enable": "false"},
			must: map[string]string{"cleanup.policy": "changes of policies would be lost", "retention.ms": "changes of policies would be lost"}},
		{name: noticesTopic, single: true, settings: map[string]string{"cleanup.policy": "delete", "retention.ms": ms(broker.NoticesMaxAge), "retention.bytes": strconv.Itoa(broker.NoticesMaxBytes)}},
		{name: deadTopic, settings: map[string]string{"cleanup.policy": "delete", "retention.ms": ms(30 * 24 * time.Hour)}},
		// The events come last: where they are, all of it is.
		{name: eventsTopic, settings: map[string]string{"cleanup.policy": "delete", "retention.ms": ms(b.cfg.EventsKeep)},
			must: map[string]string{"cleanup.policy": "compaction would remove events before they are scored"}},
	}
}

// Partitions reads the partition count, which journal, pages and events share.
func (b *Broker) Partitions(ctx context.Context) (int, error) {
	found, err := b.adm.ListTopics(ctx, b.topic(eventsTopic), b.topic(journalTopic), b.topic(pagesTopic), b.topic(signalsTopic), b.topic(deadTopic), b.topic(policiesTopic))
	if err != nil {
		return 0, fmt.Errorf("reading partition count: %w", explain(err))
	}
	n := 0
	for _, name := range []string{journalTopic, pagesTopic, eventsTopic, signalsTopic, deadTopic, policiesTopic} {
		d := found[b.topic(name)]
		switch {
		case errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			return 0, fmt.Errorf("%w: %s is missing", ErrNoInstallation, b.topic(name))
		case d.Err != nil:
			return 0, fmt.Errorf("reading partition count: topic %s: %w", b.topic(name), explain(d.Err))
		}
		if name == eventsTopic {
			b.mu.Lock()
			b.events = d.ID
			b.mu.Unlock()
		}
		have := len(d.Partitions)
		switch {
		case name == journalTopic:
			n = have
		case name == signalsTopic && have != 1:
			return 0, &SettingsError{Topic: b.topic(name), Setting: "partitions", Have: strconv.Itoa(have), Want: "1", Why: "signals have one order"}
		case (name == pagesTopic || name == eventsTopic) && have != n:
			return 0, &SettingsError{Topic: b.topic(name), Setting: "partitions", Have: strconv.Itoa(have), Want: strconv.Itoa(n),
				Why: fmt.Sprintf("%s has %d, and the count is fixed: users would move", b.topic(journalTopic), n)}
		}
	}
	b.mu.Lock()
	b.count = n
	b.mu.Unlock()
	return n, nil
}

// Ensure makes the topics that are missing, checks those that exist, and returns the partition count in force. Several
// processes may do so at once.
func (b *Broker) Ensure(ctx context.Context) (int, error) {
	meta, err := b.adm.BrokerMetadata(ctx)
	if err != nil {
		return 0, fmt.Errorf("ensuring topics: %w", explain(err))
	}
	replicas := b.cfg.Replicas
	if replicas == 0 {
		replicas = min(3, len(meta.Brokers))
	}
	want := b.cfg.Partitions
	have, err := b.existing(ctx)
	if err != nil {
		return 0, err
	}
	partitions := want
	switch {
	case have[eventsTopic] > 0: // the apps' topic may be older than riskd
		partitions = have[eventsTopic]
	case have[journalTopic] > 0:
		partitions = have[journalTopic]
	case want == 0:
		partitions = subject.DefaultPartitions
	}
	if want != 0 && want != partitions {
		return 0, &SettingsError{Topic: b.topic(eventsTopic), Setting: "partitions", Have: strconv.Itoa(partitions), Want: strconv.Itoa(want),
			Why: "the count is fixed when the topics are made, because users would move; leave -partitions out, or use the number there is"}
	}
	for _, s := range b.specs() {
		if have[s.name] > 0 {
			continue
		}
		settings := map[string]*string{"min.insync.replicas": kadm.StringPtr(strconv.Itoa(max(1, replicas-1)))}
		for k, v := range s.settings {
			settings[k] = kadm.StringPtr(v)
		}
		count := partitions
		if s.single {
			count = 1
		}
		_, err := b.adm.CreateTopic(ctx, int32(count), int16(replicas), settings, b.topic(s.name))
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return 0, fmt.Errorf("making topic %s: %w", b.topic(s.name), explain(err))
		}
	}
	if err := b.verify(ctx); err != nil {
		return 0, err
	}
	for { // metadata of new topics takes a moment to reach every broker
		n, err := b.Partitions(ctx)
		if !errors.Is(err, ErrNoInstallation) || !sleep(ctx, openRetry/4) {
			return n, err
		}
	}
}

// existing is how many partitions each topic has.
func (b *Broker) existing(ctx context.Context) (map[string]int, error) {
	have := make(map[string]int)
	for _, s := range b.specs() {
		found, err := b.adm.ListTopics(ctx, b.topic(s.name))
		if err != nil {
			return nil, fmt.Errorf("ensuring topics: %w", explain(err))
		}
		if d := found[b.topic(s.name)]; d.Err == nil {
			have[s.name] = len(d.Partitions)
		} else if !errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			return nil, fmt.Errorf("ensuring topic %s: %w", b.topic(s.name), explain(d.Err))
		}
	}
	return have, nil
}
