package natsjs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// attendEvery is how often a connection's node is asked for what needs the others, attendAgain how soon after it had no answer, and attendMost how
	// many times that is before the next node is tried.
	attendEvery = 3 * time.Second
	attendAgain = time.Second
	attendMost  = 2
	attendWait  = 2 * time.Second
	// leaveMost is how long, at most, a node is kept that is of no use after others were not either: where nobody leads all of them are alike.
	leaveMost = 30 * time.Second
	// unheard is for how long a leader may not have heard from another node before that one does not count. They tell each other once a second; after four
	// without a word, at the earliest, they choose another leader.
	unheard = 4 * time.Second
)

var (
	errAlone    = errors.New("its leader does not hear from half of the nodes")
	errNoLeader = errors.New("it knows of no leader")
)

// attend leaves a node of a cluster that answers pings and has lost the others: it takes nothing, and has nothing new, for as long as that lasts. It ends with the
// connection. Where no node is of use, as while they choose a leader, the next ones are tried in turn, one in some seconds.
func attend(nc *nats.Conn, js jetstream.JetStream, name string) {
	closed := nc.StatusChanged(nats.CLOSED)
	next := time.NewTimer(attendEvery)
	defer next.Stop()
	missed, left, pause := 0, time.Time{}, attendEvery
	for !nc.IsClosed() {
		select {
		case <-closed:
			return
		case <-next.C:
		}
		next.Reset(attendEvery)
		if !nc.IsConnected() || len(nc.Servers()) < 2 || errors.Is(nc.LastError(), nats.ErrPermissionViolation) { // else who may not ask would move on and on
			missed = 0
			continue
		}
		err := reaches(js)
		if err == nil {
			missed, pause = 0, attendEvery
			continue
		}
		if missed++; missed < attendMost {
			next.Reset(attendAgain)
			continue
		}
		if time.Since(left) < pause {
			continue
		}
		missed, left, pause = 0, time.Now(), min(2*pause, leaveMost)
		slog.Warn("nats connection leaves a node that does not reach the others", "connection", name, "node", nc.ConnectedServerName(), "error", err)
		_ = nc.ForceReconnect()
	}
}

// reaches asks the leader of a stream that every installation has. That it does not exist yet is an answer too: of the cluster's own leader.
func reaches(js jetstream.JetStream) error {
	ctx, cancel := context.WithTimeout(context.Background(), attendWait)
	defer cancel()
	_, _, err := LastSeq(ctx, js, flagStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}

// inTouch tells whether it is a leader who answers, and hears from more than half of the nodes that have the stream, itself among them. A node that has a copy and knows
// of no leader answers too, with what it has.
func inTouch(c *jetstream.ClusterInfo) error {
	if c == nil {
		return nil
	}
	if c.Leader == "" {
		return errNoLeader
	}
	heard := 1
	for _, r := range c.Replicas {
		if r.Active < unheard {
			heard++
		}
	}
	if 2*heard <= len(c.Replicas)+1 {
		return errAlone
	}
	return nil
}
