package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
)

// kafkaListen is the flag of the address of the Kafka broker that a demo starts.
const kafkaListen = "kafka-listen"

// startKafka runs Apache Kafka by its script, with its files in dir, and waits until it answers.
func (c *Config) startKafka(ctx context.Context, dir string, out io.Writer) (*process, error) {
	if _, err := os.Stat(filepath.Join(c.Data, "kafka", "lib")); err != nil {
		return nil, errors.New("there is no Kafka in the data folder: `make demo BROKER=kafka` fetches it (Java 17 and Maven are needed)")
	}
	_, port, err := net.SplitHostPort(c.Listen[kafkaListen])
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", kafkaListen, err)
	}
	controller, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, second, _ := net.SplitHostPort(controller.Addr().String())
	if err := controller.Close(); err != nil {
		return nil, err
	}
	fmt.Fprintln(out, "starting Apache Kafka: events, journal, state and signals are topics there")
	p, err := startProcess("sh", []string{c.KafkaScript, c.Data, filepath.Join(dir, "kafka"), port, second}, filepath.Join(dir, "kafka.log"))
	if err != nil {
		return nil, err
	}
	if err := c.waitKafka(ctx, p); err != nil {
		return nil, errors.Join(err, p.stop(stopWait))
	}
	return p, nil
}

func (c *Config) waitKafka(ctx context.Context, p *process) error {
	cfg, err := kafka.DefaultConfig().ParseURL(c.Kafka)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		b, err := kafka.New(cfg, "riskctl demo", slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		attempt, done := context.WithTimeout(ctx, 2*time.Second)
		err = b.Ping(attempt)
		done()
		b.Close()
		if err == nil {
			return nil
		}
		select {
		case <-p.gone:
			return p.died()
		case <-ctx.Done():
			return fmt.Errorf("kafka does not answer: %w; its log is %s\n%s", err, p.log, p.tail())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// settleKafka works out what -broker means: a cluster of one's own, or one that the demo starts. Each run has topics of its own.
func (c *Config) settleKafka() error {
	prefix := "demo-" + time.Now().UTC().Format("20060102-150405") + "."
	switch {
	case c.Kafka == "" || c.Kafka == "nats":
		c.Kafka = ""
	case c.Kafka == "kafka":
		c.Kafka = "kafka://" + c.Listen[kafkaListen]
		c.ownKafka = true
	case strings.HasPrefix(c.Kafka, "kafka://"):
		sep := "?"
		if strings.Contains(c.Kafka, "?") {
			sep = "&"
		}
		if !strings.Contains(c.Kafka, "prefix=") {
			c.Kafka += sep + "prefix=" + prefix
		}
	default:
		return errors.New("-broker: want nats, kafka, or kafka://host:port of a cluster of yours")
	}
	return nil
}
