package natsjs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	changePrefix = "change."
	textPrefix   = "text."
	// maxStoredText is what fits into a message of every NATS server's default limit.
	maxStoredText = 900 << 10
)

// PolicyLog is the log of policies in [subject.PoliciesBucket]: a key for each change, and one for each text, compressed.
type PolicyLog struct{ kv jetstream.KeyValue }

// OpenPolicyLog opens the bucket that [Ensure] made.
func OpenPolicyLog(ctx context.Context, js jetstream.JetStream) (*PolicyLog, error) {
	kv, err := js.KeyValue(ctx, subject.PoliciesBucket)
	if err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", subject.PoliciesBucket, err)
	}
	return &PolicyLog{kv}, nil
}

// Append implements [policylog.Log].
func (l *PolicyLog) Append(ctx context.Context, n uint64, data []byte) error {
	// The one before must be there: numbers have no gaps.
	if n > 1 {
		if _, err := l.kv.Get(ctx, changeKey(n-1)); errors.Is(err, jetstream.ErrKeyNotFound) {
			return policylog.ErrTaken
		} else if err != nil {
			return fmt.Errorf("reading change %d: %w", n-1, err)
		}
	}
	_, err := l.kv.Create(ctx, changeKey(n), data)
	if errors.Is(err, jetstream.ErrKeyExists) {
		return policylog.ErrTaken
	}
	return err
}

func changeKey(n uint64) string { return changePrefix + strconv.FormatUint(n, 10) }

// Put implements [policylog.Log].
func (l *PolicyLog) Put(ctx context.Context, name string, text []byte) error {
	stored := textEncoder().EncodeAll(text, nil)
	if len(stored) > maxStoredText {
		return fmt.Errorf("%w: the text has %d bytes compressed, limit %d", policylog.ErrRefused, len(stored), maxStoredText)
	}
	_, err := l.kv.Put(ctx, textPrefix+name, stored)
	return err
}

// Get implements [policylog.Log].
func (l *PolicyLog) Get(ctx context.Context, name string) ([]byte, error) {
	e, err := l.kv.Get(ctx, textPrefix+name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, policylog.ErrMissing
	}
	if err != nil {
		return nil, err
	}
	text, err := textDecoder().DecodeAll(e.Value(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: text %s: %w", policylog.ErrBroken, name, err)
	}
	return text, nil
}

// Follow implements [policylog.Log].
func (l *PolicyLog) Follow(ctx context.Context, hand func(uint64, []byte) error, known func()) error {
	w, err := l.kv.Watch(ctx, changePrefix+"*")
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("watching the log of policies: %w", err)
	}
	defer w.Stop() //nolint:errcheck // nothing follows from it
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-w.Updates():
			switch {
			case !ok:
				if ctx.Err() != nil {
					return nil
				}
				return errors.New("watching the log of policies: the watch ended")
			case e == nil:
				known()
				continue
			}
			n, err := strconv.ParseUint(strings.TrimPrefix(e.Key(), changePrefix), 10, 64)
			if err != nil || e.Operation() != jetstream.KeyValuePut {
				return fmt.Errorf("%w: key %s, %s", policylog.ErrBroken, e.Key(), e.Operation())
			}
			if err := hand(n, e.Value()); err != nil {
				return err
			}
		}
	}
}

var textEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var textDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*policylog.MaxText))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})
