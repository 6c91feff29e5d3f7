package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
)

// SettingsError tells that a topic exists with settings that riskd cannot work with.
type SettingsError struct {
	Topic, Setting, Have, Want string
	// Why is what would happen.
	Why string
}

func (e *SettingsError) Error() string {
	return fmt.Sprintf("topic %s has %s=%s, riskd needs %s: %s", e.Topic, e.Setting, e.Have, e.Want, e.Why)
}

// verify checks the settings that riskd's promises rest on.
func (b *Broker) verify(ctx context.Context) error {
	for _, s := range b.specs() {
		conf, err := b.adm.DescribeTopicConfigs(ctx, b.topic(s.name))
		if err != nil {
			return fmt.Errorf("reading settings of topic %s: %w", b.topic(s.name), explain(err))
		}
		if errors.Is(conf[0].Err, kerr.UnknownTopicOrPartition) {
			continue // made a moment ago
		}
		if conf[0].Err != nil {
			return fmt.Errorf("reading settings of topic %s: %w", b.topic(s.name), explain(conf[0].Err))
		}
		replicas, err := b.replicas(ctx, s.name)
		if err != nil {
			return err
		}
		for _, c := range conf[0].Configs {
			have := c.MaybeValue()
			if c.Key == "min.insync.replicas" {
				if err := b.checkInsync(s, have, replicas); err != nil {
					return err
				}
			}
			if why, checked := s.must[c.Key]; checked && have != s.settings[c.Key] && !(s.name == signalsTopic && have == "compact") {
				return &SettingsError{Topic: b.topic(s.name), Setting: c.Key, Have: have, Want: s.settings[c.Key], Why: why}
			}
			if c.Key == "max.message.bytes" && (s.name == journalTopic || s.name == pagesTopic) {
				if n, err := strconv.Atoi(have); err == nil && n < maxMessage {
					return &SettingsError{Topic: b.topic(s.name), Setting: c.Key, Have: have, Want: strconv.Itoa(maxMessage), Why: "a record of a batch is one message"}
				}
			}
		}
	}
	return nil
}

// replicas is how many copies the brokers keep of a topic, 0 when that is not known yet.
func (b *Broker) replicas(ctx context.Context, name string) (int, error) {
	found, err := b.adm.ListTopics(ctx, b.topic(name))
	if err != nil {
		return 0, fmt.Errorf("reading settings of topic %s: %w", b.topic(name), explain(err))
	}
	return found[b.topic(name)].Partitions.NumReplicas(), nil
}

// checkInsync compares how many copies must take a write with how many there are.
func (b *Broker) checkInsync(s topicSpec, have string, replicas int) error {
	insync, err := strconv.Atoi(have)
	if err != nil || replicas == 0 {
		return nil
	}
	wrong := &SettingsError{Topic: b.topic(s.name), Setting: "min.insync.replicas", Have: have}
	switch {
	case insync > replicas:
		wrong.Want, wrong.Why = fmt.Sprintf("at most %d", replicas), fmt.Sprintf("there are %d replicas, and the brokers would refuse every write", replicas)
		return wrong
	case s.name == journalTopic && replicas > 2 && insync < 2:
		wrong.Want, wrong.Why = "2", fmt.Sprintf("of %d replicas one alone could take a record, and its loss be that of the record", replicas)
		return wrong
	}
	return nil
}
