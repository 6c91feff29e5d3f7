package natsjs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/schemas/subject"
)

// AppendRecord appends stored bytes to a partition's journal if last is still its last sequence, and returns the new
// one. A refusal satisfies [IsConflict] and stored nothing. After any other error the outcome is
// unknown: read the truth with [LastRecord].
func AppendRecord(ctx context.Context, js jetstream.JetStream, partition int, last uint64, stored []byte) (uint64, error) {
	msg := &nats.Msg{
		Subject: subject.JournalOf(partition),
		// The stream has this one subject, so its last sequence is the subject's; it also holds when the journal is trimmed to nothing.
		Header: nats.Header{jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(last, 10)}},
		Data:   stored,
	}
	seq, err := storeMsg(ctx, js, msg)
	if err != nil {
		return 0, fmt.Errorf("appending to journal of partition %d: %w", partition, err)
	}
	return seq, nil
}

// storeMsg publishes once and reads the acknowledgement. Unlike jetstream's PublishMsg it never
// sends twice: a silent second attempt of a guarded write would turn success into a conflict.
func storeMsg(ctx context.Context, js jetstream.JetStream, msg *nats.Msg) (uint64, error) {
	resp, err := js.Conn().RequestMsgWithContext(ctx, msg)
	if err != nil {
		return 0, err
	}
	return storedAt(resp.Data)
}

// storedAt reads the answer to a message for a stream.
func storedAt(answer []byte) (uint64, error) {
	if seq, ok := plainAck(answer); ok {
		return seq, nil
	}
	var ack struct {
		Error     *jetstream.APIError `json:"error"`
		Stream    string              `json:"stream"`
		Sequence  uint64              `json:"seq"`
		Duplicate bool                `json:"duplicate"`
	}
	if err := json.Unmarshal(answer, &ack); err != nil {
		return 0, fmt.Errorf("reading acknowledgement: %w", err)
	}
	if ack.Error != nil {
		if IsConflict(ack.Error) {
			return 0, fmt.Errorf("%w: %w", broker.ErrConflict, ack.Error)
		}
		return 0, ack.Error
	}
	if ack.Stream == "" || ack.Sequence == 0 {
		return 0, errors.New("acknowledgement names no sequence")
	}
	return ack.Sequence, nil
}

// plainAck reads {"stream":"NAME", "seq":N}, which is what servers write when nothing else is to be said: a tenth of a
// small record's time went into a JSON decoder.
func plainAck(b []byte) (seq uint64, ok bool) {
	const before, between = `{"stream":"`, `"seq":`
	b, ok = bytes.CutPrefix(b, []byte(before))
	name := 0
	for name < len(b) && (b[name] == '_' || b[name] == '-' || b[name] >= '0' && b[name] <= '9' || b[name] >= 'A' && b[name] <= 'Z' || b[name] >= 'a' && b[name] <= 'z') {
		name++
	}
	if !ok || name == 0 {
		return 0, false
	}
	if b, ok = bytes.CutPrefix(b[name:], []byte(`",`)); !ok {
		return 0, false
	}
	b = bytes.TrimPrefix(b, []byte{' '})
	if b, ok = bytes.CutPrefix(b, []byte(between)); !ok || len(b) < 2 || len(b) > 20 || b[0] == '0' || b[len(b)-1] != '}' {
		return 0, false
	}
	for _, d := range b[:len(b)-1] {
		if d < '0' || d > '9' {
			return 0, false
		}
		seq = seq*10 + uint64(d-'0')
	}
	return seq, true
}

// leaderLast asks the stream's leader for the last message of a subject.
func leaderLast(ctx context.Context, js jetstream.JetStream, stream, subj string) (*Message, error) {
	body, _ := json.Marshal(map[string]string{"last_by_subj": subj})
	resp, err := js.Conn().RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, body)
	if err != nil {
		return nil, err
	}
	var out struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject string `json:"subject"`
			Seq     uint64 `json:"seq"`
			Header  []byte `json:"hdrs"`
			Data    []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(resp.Data, &out); err != nil {
		return nil, fmt.Errorf("reading last message of %s: %w", subj, err)
	}
	if out.Error != nil {
		if out.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return nil, jetstream.ErrMsgNotFound
		}
		return nil, out.Error
	}
	if out.Message == nil {
		return nil, jetstream.ErrMsgNotFound
	}
	m := &nats.Msg{Subject: out.Message.Subject, Data: out.Message.Data}
	if len(out.Message.Header) > 0 {
		if m.Header, err = nats.DecodeHeadersMsg(out.Message.Header); err != nil {
			return nil, fmt.Errorf("reading headers of the last message of %s: %w", subj, err)
		}
	}
	return &Message{Seq: out.Message.Seq, Data: m.Data, lib: m}, nil
}
