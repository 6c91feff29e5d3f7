package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// IsTransient tells whether trying again may help.
func IsTransient(err error) bool {
	if err == nil {
		return false
	}
	var wrong *SettingsError
	if errors.Is(err, ErrNoInstallation) || errors.As(err, &wrong) {
		return false
	}
	for _, e := range []error{kerr.SaslAuthenticationFailed, kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed,
		kerr.ClusterAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState} {
		if errors.Is(err, e) {
			return false
		}
	}
	var ke *kerr.Error
	if errors.As(err, &ke) {
		return ke.Retriable
	}
	if isRefused(err) || isUntrusted(err) {
		return false
	}
	var nerr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &nerr) || kgo.IsRetryableBrokerErr(err)
}

// isFenced tells that another worker has claimed the transactional id.
func isFenced(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch)
}

// isRefused tells that the brokers ended the making of a TLS connection.
func isRefused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// isUntrusted tells that the brokers' certificate was refused here.
func isUntrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	return errors.As(err, &verify)
}

// explain says in riskd's words what the setting is that keeps Kafka from answering.
func explain(err error) error {
	var eof *kgo.ErrFirstReadEOF
	switch {
	case err == nil:
		return nil
	case isRefused(err):
		return fmt.Errorf("the brokers refuse our certificate, or ask for one (-kafka-cert, -kafka-key): %w", err)
	case isUntrusted(err):
		return fmt.Errorf("the brokers' certificate is not trusted (-kafka-ca): %w", err)
	case errors.As(err, &eof) && strings.Contains(err.Error(), "SASL"):
		return fmt.Errorf("the brokers hang up: do they ask for a login (-kafka-sasl, -kafka-user), or for TLS (-kafka-tls)?: %w", err)
	case errors.As(err, &eof) && strings.Contains(err.Error(), "TLS"), strings.Contains(err.Error(), "speaking to a tls endpoint"):
		return fmt.Errorf("one side speaks TLS and the other does not (-kafka-tls): %w", err)
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Errorf("user or password is refused (-kafka-user, -kafka-password, -kafka-sasl): %w", err)
	case errors.Is(err, kerr.IllegalSaslState):
		return fmt.Errorf("the brokers take no login at this address (-kafka-sasl, -kafka-user): %w", err)
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Errorf("the brokers do not offer this mechanism (-kafka-sasl): %w", err)
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return fmt.Errorf("no permission to Write the transactional ids of the prefix: %w", err)
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fmt.Errorf("no permission: riskd needs Read, Write, Describe and, to make its topics, Create on topics and group of the prefix: %w", err)
	}
	return err
}
