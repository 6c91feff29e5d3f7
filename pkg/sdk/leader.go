package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// leaderEvery is how many heartbeats' time goes by between two questions to the leader of the bucket's stream.
	leaderEvery = 5
	// unansweredHeartbeats without an answer, which is longer than it takes the nodes to choose a leader, mean that it cannot be reached from the node that
	// the app is connected to.
	unansweredHeartbeats = 10
	// unheard is for how long a leader may not have heard from another node before that one does not count. They tell each other once a second; after four
	// without a word, at the earliest, they choose another leader.
	unheard = 4 * time.Second
	// leaveFirst is how long an app stays at least with a node that is of no use to it, twice as long with each one after, leaveMost at most: where nobody leads all of
	// them are alike.
	leaveFirst = 5 * time.Second
	leaveMost  = 40 * time.Second
)

var errCutOff = errors.New("the node of the broker that is read does not reach the others")

// hears is what a sign of life of the consumer means, which is in the stream at a sequence: that there was nothing else to hear, unless the leader had more when it was
// asked, or gives no answer. A copy that is behind may be moving, and what comes of it is old all the same.
func (g *Guard) hears(w *watching, at uint64) error {
	switch {
	case at >= w.leader:
		w.behind = time.Time{}
	case w.behind.IsZero():
		w.behind = time.Now()
	case time.Since(w.behind) > behindHeartbeats*g.heartbeat && !w.waits():
		return errBehind
	}
	if w.seen != nil {
		g.tryComplete(w, at) // quiet before the snapshot's end: what was left of it may have expired meanwhile
		return nil
	}
	if w.behind.IsZero() && w.inquiry.open.IsZero() {
		g.current(w.asOf())
	}
	return g.inquire(w)
}

// inquiry is what is known of the leader. Until it has answered nobody knows whether there is more: a node that was cut off from the others goes on to send
// heartbeats, and has nothing new.
type inquiry struct {
	answered time.Time // when it was asked what it has answered
	open     time.Time // since when it is asked and has not answered; zero: it has
	asked    time.Time // last
}

// inquire asks the leader how far the bucket is, when it is time to, and again until it answers.
func (g *Guard) inquire(w *watching) error {
	now, q := time.Now(), &w.inquiry
	switch {
	case q.open.IsZero() && now.Sub(q.answered) < leaderEvery*g.heartbeat:
		return nil
	case q.open.IsZero():
		q.open = now
	case now.Sub(q.asked) < g.heartbeat:
		return nil
	case now.Sub(q.open) > unansweredHeartbeats*g.heartbeat && !w.waits(): // else the answer may be among what was not taken yet
		return errCutOff
	}
	q.asked = now
	_ = g.js.Conn().PublishRequest("$JS.API.STREAM.INFO."+bucketStream, w.inbox, nil)
	return nil
}

// told reads the leader's answer. One that hears from less than half of the nodes is none: others may have a leader of their own.
func (w *watching) told(answer []byte) {
	var info struct {
		State   jetstream.StreamState  `json:"state"`
		Cluster *jetstream.ClusterInfo `json:"cluster"`
		Error   *jetstream.APIError    `json:"error"`
	}
	if q := &w.inquiry; json.Unmarshal(answer, &info) == nil && info.Error == nil && inTouch(info.Cluster) && !q.open.IsZero() {
		w.leader = info.State.LastSeq
		*q = inquiry{answered: q.open} // it may have been under way since then
	}
}

// inTouch tells whether it is a leader who answers, and hears from more than half of the nodes that have the stream, itself among them. A node that has a copy and knows
// of no leader answers too, with what it has.
func inTouch(c *jetstream.ClusterInfo) bool {
	if c == nil {
		return true
	}
	if c.Leader == "" {
		return false
	}
	heard := 1
	for _, r := range c.Replicas {
		if r.Active < unheard {
			heard++
		}
	}
	return 2*heard > len(c.Replicas)+1
}

// leave has the app's connection, if it is the client's own, try another node: this one is there and of no use.
func (g *Guard) leave() {
	nc := g.js.Conn()
	if !g.ownsConn || !nc.IsConnected() || len(nc.Servers()) < 2 || time.Since(g.left) < g.stay {
		return
	}
	g.left, g.stay = time.Now(), min(max(2*g.stay, leaveFirst), leaveMost)
	g.log.Warn("riskd guard tries another node of the broker", "node", nc.ConnectedServerName())
	_ = nc.ForceReconnect()
}

// useless tells whether an error says that another node may be of more use. An answer that did not come may be the whole broker's doing: that counts
// when it happens again.
func useless(err error, again bool) bool {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, errCutOff):
		return true
	case !again:
		return false
	case errors.As(err, &api):
		return api.Code == http.StatusServiceUnavailable
	}
	for _, e := range []error{errSilence, errBehind, context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, jetstream.ErrNoStreamResponse} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
