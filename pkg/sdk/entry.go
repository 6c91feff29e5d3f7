package sdk

import (
	"strconv"

	"github.com/nats-io/nats.go"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// maxClosed is how many closed challenges a guard remembers in order to ignore late copies of them.
const maxClosed = 4096

// apply takes over one entry of the bucket.
func (g *Guard) apply(tenant, session string, sequence uint64, header nats.Header, data []byte) {
	old := g.flags.get(tenant, session)
	if header.Get("KV-Operation") != "" || header.Get("Nats-Marker-Reason") != "" {
		if g.closes(old, header) {
			g.drop(tenant, session)
		}
		return
	}
	var pb *riskdv1.Signal
	if s := new(riskdv1.Signal); s.UnmarshalVT(data) == nil && s.State != "" {
		pb = s
	} else {
		g.count.flagsInvalid.Add(1)
		g.log.Error("riskd flag cannot be read; its session is held as unknown", "sequence", sequence)
	}
	if pb != nil {
		held := old != nil && old.signal != nil && old.signal.ChallengeId == pb.ChallengeId && pb.Revision < old.signal.Revision
		if held || pb.Revision < g.closed[pb.ChallengeId] {
			g.count.flagsIgnored.Add(1)
			return
		}
	}
	f := newFlag(tenant, session, sequence, pb)
	if f.state == Clear { // an older writer that says so instead of removing the entry
		g.drop(tenant, session)
		return
	}
	g.store(f)
}

// store takes a flag in, if there is room.
func (g *Guard) store(f *flag) {
	if g.flags.live >= g.maxFlags && g.flags.get(f.tenant, f.session) == nil {
		g.skipped = true
		if !g.overflow.Swap(true) {
			g.log.Error("riskd flags exceed the limit; sessions without a known flag are now unknown", "limit", g.maxFlags)
		}
		g.count.flagsIgnored.Add(1)
		g.tell(GuardEvent{Kind: ProviderConfigurationChanged, Tenant: f.tenant, Session: f.session})
		return
	}
	g.flags.put(f)
	g.size.Store(int64(g.flags.live))
	g.count.flagUpdates.Add(1)
	g.tell(GuardEvent{Kind: ProviderConfigurationChanged, Tenant: f.tenant, Session: f.session})
}

// closes reads the marker of a removed flag and tells whether it applies to what is held.
func (g *Guard) closes(old *flag, header nats.Header) bool {
	challenge := header.Get(headerChallenge)
	revision, err := strconv.ParseUint(header.Get(headerRevision), 10, 64)
	named := challenge != "" && err == nil
	held := old != nil && old.signal != nil
	switch {
	case named && held && old.signal.ChallengeId == challenge && revision < old.signal.Revision:
		g.count.flagsIgnored.Add(1)
		return false
	case named:
		g.remember(challenge, revision+1)
	case held:
		// Without a name, the same revision may be put again by a repair; only older ones cannot.
		g.remember(old.signal.ChallengeId, old.signal.Revision)
	}
	return true
}

func (g *Guard) remember(challenge string, floor uint64) {
	if _, known := g.closed[challenge]; !known {
		if len(g.closedOrder) >= maxClosed {
			delete(g.closed, g.closedOrder[0])
			g.closedOrder = g.closedOrder[1:]
		}
		g.closedOrder = append(g.closedOrder, challenge)
	}
	g.closed[challenge] = max(g.closed[challenge], floor)
}

func (g *Guard) drop(tenant, session string) {
	if g.flags.remove(tenant, session) == nil {
		return
	}
	g.size.Store(int64(g.flags.live))
	g.count.flagUpdates.Add(1)
	g.tell(GuardEvent{Kind: ProviderConfigurationChanged, Tenant: tenant, Session: session})
}

// keyOf splits a bucket subject into tenant and session.
func keyOf(subj string) (tenant, session string, ok bool) {
	rest := subj[min(len(bucketPrefix), len(subj)):]
	for i := 0; i < len(rest); i++ {
		if rest[i] == '.' {
			t, ok1 := subject.Untoken(rest[:i])
			s, ok2 := subject.Untoken(rest[i+1:])
			return t, s, ok1 && ok2
		}
	}
	return "", "", false
}
