package natsjs

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ReadLast asks the leader of a stream for the last message of a subject; its StoredNS is not filled.
// [jetstream.ErrMsgNotFound] is wrapped when there is none.
func ReadLast(ctx context.Context, js jetstream.JetStream, stream, subj string) (*Message, error) {
	m, err := leaderLast(ctx, js, stream, subj)
	if err != nil {
		return nil, fmt.Errorf("reading last message of %s: %w", subj, err)
	}
	return m, nil
}

// StoreIf stores data if last is still the stream sequence of the subject's last message (0: none yet), and returns the
// new one. A refusal satisfies [IsConflict]; after any other error the outcome is unknown.
func StoreIf(ctx context.Context, js jetstream.JetStream, subj string, last uint64, data []byte) (uint64, error) {
	seq, err := storeMsg(ctx, js, &nats.Msg{Subject: subj, Data: data,
		Header: nats.Header{jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(last, 10)}}})
	if err != nil {
		return 0, fmt.Errorf("storing on %s: %w", subj, err)
	}
	return seq, nil
}

// LastSeq is the last sequence of a stream, asked of its leader; 0 when nothing was ever stored. It is an error when nobody leads: whoever has a copy then answers
// with how far that is.
func LastSeq(ctx context.Context, js jetstream.JetStream, stream string) (last uint64, msgs uint64, err error) {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return 0, 0, fmt.Errorf("reading state of stream %s: %w", stream, err)
	}
	info := s.CachedInfo()
	if err := inTouch(info.Cluster); err != nil {
		return 0, 0, fmt.Errorf("reading state of stream %s: %w", stream, err)
	}
	return info.State.LastSeq, info.State.Msgs, nil
}

// PurgeBelow drops the messages of a stream below keep, which stays.
func PurgeBelow(ctx context.Context, js jetstream.JetStream, stream string, keep uint64) error {
	s, err := js.Stream(ctx, stream)
	if err == nil && s.CachedInfo().State.FirstSeq < keep {
		err = s.Purge(ctx, jetstream.WithPurgeSequence(keep))
	}
	if err != nil {
		return fmt.Errorf("trimming stream %s: %w", stream, err)
	}
	return nil
}
