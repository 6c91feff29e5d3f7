package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	// Java and Librdkafka are the partitioners that producers of either family have by default.
	Java       = "java"
	Librdkafka = "librdkafka"

	// maxMessage is the largest message in bytes that riskd's own topics take: a journal record is one message.
	maxMessage = 8 << 20
	// dialTimeout bounds the making of a connection, and requestTimeout the wait for an answer beyond the time that the request gives the broker: a
	// broker that is stopped, or whose network is gone, takes connections and says nothing. Both leave an attempt of the scorer (5 s) the time to ask
	// another broker; kgo's own 10 s did not, and a cluster of three with one of them stopped stood still until that one came back.
	dialTimeout    = 2 * time.Second
	requestTimeout = 3 * time.Second
	// produceTimeout is how long the brokers may take to have a write copied.
	produceTimeout = 3 * time.Second
	// metadataMost is after how long readers ask the brokers anew who leads what; writers are told. A broker that was cut off from the others goes on
	// answering readers, with nothing new, and does not say that another leads by now.
	metadataMost = 10 * time.Second
	// retryMost is the longest pause before a request is tried again.
	retryMost = 500 * time.Millisecond
)

// Config says how to reach a cluster and what riskd's topics there are like.
type Config struct {
	// Brokers are host:port of some of them.
	Brokers []string
	// Prefix starts the name of every topic, group and transactional id. Default "riskd.".
	Prefix string
	// SASL is "", plain, scram-sha-256 or scram-sha-512.
	SASL string
	// User and Password are for SASL.
	User, Password string
	// TLS encrypts. CA, Cert and Key are PEM files: whom to trust beside the system's authorities, and who we are.
	TLS           bool
	CA, Cert, Key string
	// Partitioner is [Java] or [Librdkafka]: the one that the apps' producers use. All events of a user have to be in one
	// partition, whoever publishes them.
	Partitioner string
	// Partitions is fixed when the topics are made. 0: what exists, else [subject.DefaultPartitions].
	Partitions int
	// Replicas of riskd's topics. 0: 3, or as many brokers as there are.
	Replicas int
	// EventsKeep is how long events stay in a topic that riskd makes. Default 7 days.
	EventsKeep time.Duration
	// TransactionTimeout is when the broker gives up an open transaction of a worker that is gone; until then readers wait
	// for what comes after. Default 3 s.
	TransactionTimeout time.Duration
	// SessionTimeout is after how long a silent worker's partitions are given to others. Default 6 s, which is the least
	// that brokers allow by default.
	SessionTimeout time.Duration
	// OffsetsEvery is how often the group's offsets are brought up to date, with the transaction of a batch. They are for
	// people and tools: the position is in the journal. Default 5 s, as Kafka's own consumers have it.
	OffsetsEvery time.Duration
}

// DefaultConfig names no brokers.
func DefaultConfig() Config {
	return Config{Prefix: "riskd.", Partitioner: Java, EventsKeep: 7 * 24 * time.Hour,
		TransactionTimeout: 3 * time.Second, SessionTimeout: 6 * time.Second, OffsetsEvery: 5 * time.Second}
}

// ParseURL reads kafka://[user[:password]@]host:port[,host:port...][?sasl=...&tls=true&prefix=...&partitioner=...] over c.
func (c Config) ParseURL(text string) (Config, error) {
	rest, ok := strings.CutPrefix(text, "kafka://")
	if !ok {
		return c, errors.New("kafka url: does not begin with kafka://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, password, given := strings.Cut(rest[:i], ":")
		var err1, err2 error
		c.User, err1 = url.PathUnescape(user)
		if given { // else it comes from where secrets do
			c.Password, err2 = url.PathUnescape(password)
		}
		if err1 != nil || err2 != nil {
			return c, errors.New("kafka url: user or password is not percent-encoded")
		}
		rest = rest[i+1:]
		if c.SASL == "" {
			c.SASL = "plain"
		}
	}
	c.Brokers = strings.Split(strings.TrimSuffix(rest, "/"), ",")
	values, err := url.ParseQuery(query)
	if err != nil {
		return c, errors.New("kafka url: its query cannot be read")
	}
	for name, v := range values {
		switch name {
		case "sasl":
			c.SASL = v[0]
		case "tls":
			c.TLS = v[0] == "true"
		case "prefix":
			c.Prefix = v[0]
		case "partitioner":
			c.Partitioner = v[0]
		default:
			return c, fmt.Errorf("kafka url: unknown parameter %q: want sasl, tls, prefix or partitioner", name)
		}
	}
	return c, nil
}

// Validate joins all faults.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if len(c.Brokers) == 0 {
		bad("kafka-brokers: empty")
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			bad("kafka-brokers: %q is not host:port", b)
		}
	}
	if len(c.Prefix) > 64 || strings.Trim(c.Prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		bad("kafka-prefix: %q has more than 64 characters or others than letters, digits, '.', '_' and '-'", c.Prefix)
	}
	if !slices.Contains([]string{"", "plain", "scram-sha-256", "scram-sha-512"}, c.SASL) {
		bad("kafka-sasl: %q is none of plain, scram-sha-256, scram-sha-512", c.SASL)
	}
	if c.SASL != "" && c.User == "" {
		bad("kafka-user: needed for SASL")
	}
	if c.SASL == "" && c.User != "" {
		bad("kafka-sasl: needed for a user: plain, scram-sha-256 or scram-sha-512")
	}
	if !c.TLS && (c.CA != "" || c.Cert != "" || c.Key != "") {
		bad("kafka-tls: must be on for kafka-ca, kafka-cert and kafka-key")
	}
	if (c.Cert == "") != (c.Key == "") {
		bad("kafka-cert and kafka-key go together")
	}
	if c.Partitioner != Java && c.Partitioner != Librdkafka {
		bad("kafka-partitioner: %q is neither %s nor %s", c.Partitioner, Java, Librdkafka)
	}
	if c.Partitions < 0 || c.Partitions > 1024 {
		bad("partitions: %d is outside 1 to 1024", c.Partitions)
	}
	if c.Replicas < 0 || c.EventsKeep < time.Hour || c.OffsetsEvery < 0 {
		bad("kafka: replicas and times must not be negative, events are kept for at least 1 h")
	}
	if c.TransactionTimeout < time.Second || c.SessionTimeout < time.Second {
		bad("kafka: transaction and session time-outs must be at least 1 s")
	}
	return errors.Join(errs...)
}

// options are what every client has, but for how connections are made.
func (c Config) options(name string) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...), kgo.ClientID(name),
		kgo.DialTimeout(dialTimeout), kgo.RequestTimeoutOverhead(requestTimeout), kgo.ProduceRequestTimeout(produceTimeout),
		kgo.RetryTimeout(10 * time.Second), kgo.RetryBackoffFn(retryPause),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.ConcurrentTransactionsBackoff(2 * time.Millisecond),
	}
	var m sasl.Mechanism
	switch c.SASL {
	case "plain":
		m = plain.Auth{User: c.User, Pass: c.Password}.AsMechanism()
	case "scram-sha-256":
		m = scram.Auth{User: c.User, Pass: c.Password}.AsSha256Mechanism()
	case "scram-sha-512":
		m = scram.Auth{User: c.User, Pass: c.Password}.AsSha512Mechanism()
	}
	if m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	return opts
}

// retryPause is how long to wait after so many failures: 50 ms, twice as long each time, a fifth more or less.
func retryPause(fails int) time.Duration {
	d := min(retryMost, 50*time.Millisecond<<min(max(fails-1, 0), 8))
	return d*4/5 + rand.N(d*2/5)
}

// tls is how to encrypt; nil when nothing is.
func (c Config) tls() (*tls.Config, error) {
	if !c.TLS {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("kafka-ca: %w", err)
		}
		if conf.RootCAs, err = x509.SystemCertPool(); err != nil {
			conf.RootCAs = x509.NewCertPool()
		}
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka-ca: %s holds no certificate", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("kafka-cert and kafka-key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}
