package sdk

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"
)

// Session is a login as the application keeps it.
type Session struct {
	// ID is an opaque handle or an HMAC, never the cookie itself. At most MaxID minus 9 bytes.
	ID string
	// Context is the browser that logged in: [ContextOf] at that moment. Empty switches branches off, and
	// with them all protection of the owner against flags that a thief of the cookie earns.
	Context string
	// Proofs are what has been proven, the login itself being the first.
	Proofs []Proof
}

// Proof is one active authentication, in one browser.
type Proof struct {
	// Context that proved it; it counts for no other.
	Context  string
	ACR      string
	AMR      []string
	AuthTime time.Time
	// ChallengeID of the step-up that asked for it; "" for a login.
	ChallengeID string
}

// ContextOf digests what tells one browser from another that presents the same cookie: the user agent
// without its numbers, so that an update changes nothing, and the device token.
func ContextOf(userAgent, device string) string {
	h := sha256.New()
	plain := make([]byte, 0, len(userAgent))
	for i := 0; i < len(userAgent); i++ {
		if c := userAgent[i]; c < '0' || c > '9' {
			plain = append(plain, c)
		}
	}
	h.Write(plain)
	h.Write([]byte{0})
	h.Write([]byte(device))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Identity is what the application knows of a request: the answer of MiddlewareConfig.Identify.
type Identity struct {
	// Tenant defaults to the client's.
	Tenant  string
	User    User
	Session Session
	// Device is the token the application gave this browser, as the request presents it.
	Device    string
	IP        netip.Addr
	UserAgent string
	// Context defaults to ContextOf(UserAgent, Device).
	Context string
}

// Presence is an [Identity] resolved: the session as this very browser presents it.
type Presence struct {
	Tenant string
	User   User
	// SessionID is what riskd knows the session by. A browser other than the one that logged in has a
	// branch of its own, "<id>~<8 hex digits>", so that what it does is not held against the owner.
	SessionID string
	// Of is the session that SessionID branches from; "" when it is no branch.
	Of string
	// Context of the browser.
	Context string
	// Proof is the strongest this context has; among equals the newest. Zero when it proved nothing.
	Proof     Proof
	Device    string
	IP        netip.Addr
	UserAgent string

	proofs []Proof // of this context
}

// Presence resolves id, with the client's tenant as default.
func (c *Client) Presence(id Identity) Presence {
	p := Presence{
		Tenant: id.Tenant, User: id.User, SessionID: id.Session.ID, Context: id.Context,
		Device: id.Device, IP: id.IP, UserAgent: id.UserAgent,
	}
	if p.Tenant == "" {
		p.Tenant = c.tenant
	}
	if p.Context == "" {
		p.Context = ContextOf(id.UserAgent, id.Device)
	}
	if home := id.Session.Context; home != "" && home != p.Context {
		p.Of = id.Session.ID
		short := sha256.Sum256([]byte(p.Context))
		p.SessionID += "~" + hex.EncodeToString(short[:4])
	}
	for _, proof := range id.Session.Proofs {
		if id.Session.Context != "" && proof.Context != p.Context {
			continue
		}
		p.proofs = append(p.proofs, proof)
		rank, best := slices.Index(c.acrOrder, proof.ACR), slices.Index(c.acrOrder, p.Proof.ACR)
		if len(p.proofs) == 1 || rank > best || rank == best && proof.AuthTime.After(p.Proof.AuthTime) {
			p.Proof = proof
		}
	}
	return p
}

// Event is an event of this presence, for the application to complete and report.
func (p Presence) Event(action string, outcome Outcome) Event {
	ev := Event{
		Tenant: p.Tenant, User: p.User, Device: p.Device, IP: p.IP, UserAgent: p.UserAgent, Action: action, Outcome: outcome,
		Session: EventSession{ID: p.SessionID, AuthTime: p.Proof.AuthTime, ACR: p.Proof.ACR, AMR: p.Proof.AMR},
	}
	if p.Of != "" {
		ev.Attributes = map[string]string{"session_of": p.Of}
	}
	return ev
}

// proven tells whether the context has a proof at least this strong and at most this old. acr "" is any;
// maxAge 0 is any.
func (p Presence) proven(order []string, acr string, maxAge time.Duration, now time.Time) bool {
	for _, proof := range p.proofs {
		strong := acr == "" || slices.Index(order, proof.ACR) >= slices.Index(order, acr)
		if strong && (maxAge == 0 || now.Sub(proof.AuthTime) <= maxAge) {
			return true
		}
	}
	return false
}
