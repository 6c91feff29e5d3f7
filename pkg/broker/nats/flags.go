package natsjs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// headerPosition is the journal position "<partition>:<seq>" that a flag or signal comes from.
	headerPosition = "Riskd-Journal"
	// headerChallenge, headerRevision and headerState say the same as the payload; a cleared flag has no payload.
	headerChallenge = "Riskd-Challenge"
	headerRevision  = "Riskd-Revision"
	// HeaderState is the state of a signal or flag, so that subscribers can choose without decoding.
	HeaderState = "Riskd-State"

	// flagMarkerTTL is how long the marker of a cleared flag stays: it is what keeps a worker that wakes up
	// late from setting an older flag again.
	flagMarkerTTL = 24 * time.Hour
	// flagAttempts bounds how often one guarded write reads and tries again before it is an error.
	flagAttempts = 16

	flagsTogether = 1024

	flagStream   = "KV_" + subject.StepUpBucket
	flagSubjects = "$KV." + subject.StepUpBucket + "."
)

// errNoFlag is wrapped when an entry of the bucket is no signal.
var errNoFlag = errors.New("entry of the bucket is no flag")

// Flags is the bucket of sessions that are not clear.
type Flags struct {
	js    jetstream.JetStream
	wrote wrote
}

// OpenFlags opens the bucket that [Ensure] made.
func OpenFlags(ctx context.Context, js jetstream.JetStream) (*Flags, error) {
	if _, err := js.KeyValue(ctx, subject.StepUpBucket); err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", subject.StepUpBucket, err)
	}
	return &Flags{js: js}, nil
}

// Get reads a session's flag; ok is false when the session is clear.
func (f *Flags) Get(ctx context.Context, tenant, session string) (flag broker.Flag, ok bool, err error) {
	flag, err = f.get(ctx, subject.Key(tenant, session))
	return flag, err == nil && flag.Signal != nil, err
}

// Apply writes what sig means for its session: an entry when it blocks, none otherwise. Nothing happens, and applied
// is false, when the bucket already holds that or something newer by journal position. It may be
// repeated freely.
func (f *Flags) Apply(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) (applied bool, err error) {
	key := subject.Key(sig.TenantId, sig.SessionId)
	next, expect, guessed := f.guess(key, sig, pos)
	for range flagAttempts {
		if !guessed {
			cur, err := f.present(ctx, key)
			if err != nil {
				return false, err
			}
			if next, applied = settle(sig, pos, cur); !applied {
				return false, nil
			}
			expect = cur.Revision
		}
		guessed = false
		msg, err := flagMsg(key, next, owed{sig, pos}, expect)
		if err != nil {
			return false, err
		}
		seq, err := storeMsg(ctx, f.js, msg)
		f.answered(key, msg, seq, err)
		if err == nil {
			return true, nil
		}
		if !IsConflict(err) {
			return false, fmt.Errorf("writing flag: %w", err)
		}
	}
	return false, fmt.Errorf("writing flag: %d attempts: %w", flagAttempts, broker.ErrConflict)
}

// guess is what an entry has to say once sig has come, and the sequence of what that replaces, without reading: most flags are the first
// of their session, and the others follow one of our own. Whether it is right the guarded write finds out.
func (f *Flags) guess(key string, sig *riskdv1.Signal, pos broker.Position) (next []owed, expect uint64, ok bool) {
	own := f.wrote.last(key)
	if own == nil {
		return []owed{{sig, pos}}, 0, broker.Blocks(sig) && sig.Revision <= 1
	}
	cur, err := decodeFlag(key, own)
	if err == nil {
		next, ok = settle(sig, pos, cur)
	}
	if !ok { // as far as we remember there is nothing to write; the entry may be gone
		f.wrote.forget(key)
	}
	return next, cur.Revision, ok
}

// answered remembers what became of an entry that was written.
func (f *Flags) answered(key string, msg *nats.Msg, seq uint64, err error) {
	if err != nil {
		f.wrote.forget(key)
		return
	}
	f.wrote.keep(key, msg, seq)
}

// flagMsg writes an entry with all that is owed, the first as its own; none is a marker that last cleared it. It is stored if expect is the
// sequence of what it replaces, 0 of nothing.
func flagMsg(key string, list []owed, last owed, expect uint64) (*nats.Msg, error) {
	own := last
	if len(list) > 0 {
		own = list[0]
	}
	h := nats.Header{
		headerPosition:  {own.pos.String()},
		headerChallenge: {own.sig.ChallengeId},
		headerRevision:  {strconv.FormatUint(own.sig.Revision, 10)},
		HeaderState:     {own.sig.State},

		jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(expect, 10)},
	}
	msg := &nats.Msg{Subject: flagSubjects + key, Header: h}
	if len(list) == 0 {
		h["KV-Operation"] = []string{"PURGE"}
		h[jetstream.MsgRollup] = []string{jetstream.MsgRollupSubject}
		h[jetstream.MsgTTLHeader] = []string{flagMarkerTTL.String()}
		return msg, nil
	}
	entry, ttl := own.sig, broker.FlagTTL(own.sig)
	if len(list) > 1 {
		entry = proto.Clone(own.sig).(*riskdv1.Signal)
		for _, o := range list[1:] {
			entry.Also = append(entry.Also, &riskdv1.Signal_Owed{Signal: o.sig, Position: o.pos.String()})
			if broker.Blocks(o.sig) {
				ttl = max(ttl, broker.FlagTTL(o.sig))
			}
		}
	}
	data, err := entry.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding flag: %w", err)
	}
	msg.Data = data
	h[jetstream.MsgTTLHeader] = []string{ttl.Round(time.Second).String()}
	return msg, nil
}

// get reads an entry or its marker from the leader. A key never written is the zero Flag.
func (f *Flags) get(ctx context.Context, key string) (broker.Flag, error) {
	flag := broker.Flag{Key: key}
	m, err := leaderLast(ctx, f.js, flagStream, flagSubjects+key)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return flag, nil
	}
	if err != nil {
		return flag, fmt.Errorf("reading flag: %w", err)
	}
	return decodeFlag(key, m)
}

// present is get for a writer. An entry that nobody of riskd wrote says nothing, and must not keep the next flag out.
func (f *Flags) present(ctx context.Context, key string) (broker.Flag, error) {
	flag, err := f.get(ctx, key)
	if errors.Is(err, errNoFlag) {
		flag.Challenge, flag.ChallengeRevision = "", 0
		return flag, nil
	}
	return flag, err
}

func decodeFlag(key string, m *Message) (broker.Flag, error) {
	flag := broker.Flag{Key: key, Revision: m.Seq, Created: time.Unix(0, m.StoredNS)}
	h := m.Header()
	flag.Position, _ = broker.ParsePosition(h.Get(headerPosition))
	flag.Challenge = h.Get(headerChallenge)
	flag.ChallengeRevision, _ = strconv.ParseUint(h.Get(headerRevision), 10, 64)
	if h.Get("KV-Operation") != "" || h.Get(jetstream.MarkerReasonHeader) != "" {
		return flag, nil
	}
	sig := new(riskdv1.Signal)
	if err := sig.UnmarshalVT(m.Data); err != nil {
		return flag, fmt.Errorf("%w: %w", errNoFlag, err)
	}
	flag.Signal, flag.Challenge, flag.ChallengeRevision = sig, sig.ChallengeId, sig.Revision
	return flag, nil
}

// FlagTail follows the bucket: what is in it first, then every change. One goroutine at a time.
type FlagTail struct {
	tail *Tail
	msgs []Message
}

// Follow makes a FlagTail. Close it.
func (f *Flags) Follow() (*FlagTail, error) {
	tail, err := OpenTail(f.js, flagStream, 1, TailConfig{})
	if err != nil {
		return nil, err
	}
	return &FlagTail{tail: tail}, nil
}

// Take appends changes to dst, at least one, and blocks until ctx ends. A flag without a signal was cleared
// or has run out. So is an entry that nobody of riskd wrote.
func (t *FlagTail) Take(ctx context.Context, dst []broker.Flag) ([]broker.Flag, error) {
	var err error
	t.msgs, err = t.tail.Take(ctx, t.msgs[:0], flagsTogether, 1<<20)
	return t.decode(dst), err
}

// Drain is Take that also returns, with no change, when everything in the bucket was read; end tells.
func (t *FlagTail) Drain(ctx context.Context, dst []broker.Flag) (flags []broker.Flag, end bool, err error) {
	t.msgs, end, err = t.tail.Drain(ctx, t.msgs[:0], flagsTogether, 1<<20)
	return t.decode(dst), end, err
}

func (t *FlagTail) decode(dst []broker.Flag) []broker.Flag {
	for i := range t.msgs {
		m := &t.msgs[i]
		flag, err := decodeFlag(strings.TrimPrefix(m.Subject(), flagSubjects), m)
		if err != nil {
			flag.Signal = nil
		}
		dst = append(dst, flag)
	}
	clear(t.msgs)
	t.msgs = t.msgs[:0]
	return dst
}

// Close ends the tail.
func (t *FlagTail) Close() { t.tail.Close() }
