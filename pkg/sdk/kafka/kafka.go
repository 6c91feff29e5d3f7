// Package kafka joins an application to riskd over Apache Kafka: events go into riskd's topic, the flags come from its topic of
// signals. It is a module of its own, so that applications on NATS do not take on a Kafka client.
//
//	client, err := kafka.Connect(kafka.Config{Brokers: []string{"kafka:9092"}}, "//acme/apps/web", sdk.WithTenant("acme"))
//
// Everything else is as package sdk says.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/sdk"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// The partitioners that riskd knows: the one of Java's clients, and the one of librdkafka's.
const (
	Java       = "java"
	Librdkafka = "librdkafka"
)

// Config says where riskd's topics are. What riskd was started with has to be the same here.
type Config struct {
	// Brokers are host:port of some of the cluster's.
	Brokers []string
	// Prefix begins the names of riskd's topics. Default "riskd.".
	Prefix string
	// Partitioner is [Java] or [Librdkafka]: all producers of events share it. Default Java.
	Partitioner string
	// Heartbeat is how often the broker proves that the flags are current. Default [sdk.DefaultHeartbeat]. Its counterpart
	// among the client's options is for NATS.
	Heartbeat time.Duration
	// Client are further options of the Kafka client: SASL, TLS, dialer.
	Client []kgo.Opt
}

// ParseURL reads kafka://host:port[,host:port...][?prefix=...&partitioner=...], as riskd's own -broker does. Logins are
// [Config.Client]'s affair.
func ParseURL(text string) (Config, error) {
	rest, ok := strings.CutPrefix(text, "kafka://")
	hosts, query, _ := strings.Cut(rest, "?")
	if !ok || hosts == "" || strings.Contains(hosts, "@") {
		return Config{}, errors.New("the broker's address is not kafka://host:port, without a user")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Config{}, errors.New("the query of the broker's address cannot be read")
	}
	for name := range values {
		if name != "prefix" && name != "partitioner" {
			return Config{}, fmt.Errorf("the broker's address has an unknown parameter %q: want prefix or partitioner", name)
		}
	}
	return Config{Brokers: strings.Split(strings.TrimSuffix(hosts, "/"), ","), Prefix: values.Get("prefix"), Partitioner: values.Get("partitioner")}, nil
}

const (
	// sendWait is how long a batch waits for its acknowledgements before the rest is sent again.
	sendWait = 5 * time.Second
	// answerWait is how long a broker may take to answer beyond the time that a request gives it, or to take a connection: one that is stopped, or
	// whose network is gone, would hold up the others' answers for kgo's own ten seconds.
	answerWait = 2 * time.Second
	// storeWait is how long the brokers may take to have events copied. A leader that falls silent meanwhile holds up what comes behind by that and
	// answerWait; by kgo's own ten seconds it would be twelve.
	storeWait = 3 * time.Second
	// maxBuffered bounds the records under way.
	maxBuffered = 4096
)

// Broker implements [sdk.Broker] on Kafka.
type Broker struct {
	base     []kgo.Opt
	cfg      Config
	producer *kgo.Client
	reader   *kgo.Client
}

// Connect joins riskd. A cluster that is not there yet is no error: events wait, and the guard is connecting until it comes.
func Connect(cfg Config, source string, opts ...sdk.Option) (*sdk.Client, error) {
	b, err := New(cfg)
	if err != nil {
		return nil, err
	}
	c, err := sdk.New(source, append([]sdk.Option{sdk.WithBroker(b)}, opts...)...)
	if err != nil {
		b.Close()
		return nil, err
	}
	return c, nil
}

// New makes a broker for [sdk.WithBroker]; the client that gets it closes it.
func New(cfg Config) (*Broker, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = "riskd."
	}
	if cfg.Partitioner == "" {
		cfg.Partitioner = Java
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = sdk.DefaultHeartbeat
	}
	switch {
	case len(cfg.Brokers) == 0:
		return nil, errors.New("configuring the riskd client: no kafka brokers")
	case cfg.Partitioner != Java && cfg.Partitioner != Librdkafka:
		return nil, fmt.Errorf("configuring the riskd client: partitioner %q is neither %s nor %s", cfg.Partitioner, Java, Librdkafka)
	case cfg.Heartbeat < 100*time.Millisecond:
		return nil, errors.New("configuring the riskd client: the heartbeat must be at least 100ms")
	}
	base := append([]kgo.Opt{kgo.SeedBrokers(cfg.Brokers...), kgo.ClientID(strings.ReplaceAll(sdk.Version, " ", "-")), kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.DialTimeout(answerWait), kgo.RequestTimeoutOverhead(answerWait)}, cfg.Client...)
	partitioner := kgo.StickyKeyPartitioner(nil) // murmur2
	if cfg.Partitioner == Librdkafka {
		partitioner = kgo.StickyKeyPartitioner(func(key []byte, n int) int { return int(crc32.ChecksumIEEE(key) % uint32(n)) })
	}
	b := &Broker{cfg: cfg, base: base}
	var err error
	if b.producer, err = kgo.NewClient(append(base[:len(base):len(base)], kgo.DefaultProduceTopic(cfg.Prefix+"events"), kgo.RecordPartitioner(partitioner),
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(maxBuffered), kgo.RecordDeliveryTimeout(sendWait), kgo.ProduceRequestTimeout(storeWait))...); err != nil {
		return nil, fmt.Errorf("configuring the riskd client: %w", err)
	}
	if b.reader, err = kgo.NewClient(append(base[:len(base):len(base)], kgo.RetryTimeout(cfg.Heartbeat))...); err != nil {
		b.producer.Close()
		return nil, fmt.Errorf("configuring the riskd client: %w", err)
	}
	return b, nil
}

// Send implements [sdk.Broker]. The producer is idempotent; an event that was stored although its acknowledgement was lost is known
// to riskd by source and id.
func (b *Broker) Send(ctx context.Context, batch []*riskdv1.Event, fates []sdk.Fate) error {
	errs := make([]error, len(batch))
	done := make(chan struct{}, len(batch))
	sent := 0
	for i, ev := range batch {
		rec, err := record(ev)
		if err != nil {
			fates[i] = sdk.Refused
			continue
		}
		sent++
		b.producer.Produce(ctx, rec, func(_ *kgo.Record, err error) {
			errs[i] = err
			done <- struct{}{}
		})
	}
	for range sent {
		<-done
	}
	for i, err := range errs {
		switch {
		case fates[i] == sdk.Refused:
		case err == nil:
			fates[i] = sdk.Accepted
		case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
			fates[i] = sdk.Refused
		}
	}
	return errors.Join(first(errs))
}

func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// record writes ev as a CloudEvent in binary mode.
func record(ev *riskdv1.Event) (*kgo.Record, error) {
	data, err := ev.MarshalVT()
	if err != nil {
		return nil, err
	}
	h := func(k, v string) kgo.RecordHeader { return kgo.RecordHeader{Key: k, Value: []byte(v)} }
	return &kgo.Record{Key: []byte(ev.TenantId + ":" + ev.User.GetId()), Value: data, Headers: []kgo.RecordHeader{
		h("ce_specversion", "1.0"), h("ce_id", ev.Id), h("ce_source", ev.Source), h("ce_type", ev.Type),
		h("ce_time", time.UnixMilli(ev.TimeMs).UTC().Format(time.RFC3339Nano)), h("content-type", "application/protobuf"),
	}}, nil
}

// Close implements [sdk.Broker].
func (b *Broker) Close() {
	b.producer.Close()
	b.reader.Close()
}
