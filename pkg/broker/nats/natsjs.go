// Package natsjs is riskd's NATS JetStream edge: the streams and buckets it needs, a server inside
// the process, publishers that keep an event until it is stored, ack-less readers, the journal and the
// open step-up flags.
//
// It holds no rules of scoring, and it does not decide who owns a partition. Unless a type says
// otherwise its methods are safe for concurrent use. All names come from package subject.
package natsjs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
)

// Server error codes that jetstream has no sentinel for.
const (
	codeWrongLastSeq     jetstream.ErrorCode = 10071
	codeWrongLastSeqKind jetstream.ErrorCode = 10164 // the same, "constant" form used while an append is in flight
	// codeDuplicateInProcess: an earlier attempt with this message id is not decided yet (clusters only).
	codeDuplicateInProcess jetstream.ErrorCode = 10158
	codeStreamNameInUse    jetstream.ErrorCode = 10058
	// codeNoPeers: too few servers of the cluster are up for the replicas asked for.
	codeNoPeers jetstream.ErrorCode = 10005
	// codeNotClustered: replicas asked of a single server; no waiting helps.
	codeNotClustered jetstream.ErrorCode = 10074
)

// pingEvery is how often a node is asked for a sign of life; three without one, and the next node is tried. A node that was stopped, or whose network is
// gone, closes nothing.
const (
	pingEvery    = 3 * time.Second
	writeTimeout = 5 * time.Second
)

// Connect opens a connection that never gives up reconnecting. name shows up in the server's monitoring. Its tails take their messages
// before the client library does, unless opts bring a dialer of their own.
func Connect(url, name string, opts ...nats.Option) (*nats.Conn, error) {
	base := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.Timeout(5 * time.Second),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(2),
		// A node that reads no more holds whoever writes to it, and with them all else of the connection: a minute long by default.
		nats.FlusherTimeout(writeTimeout),
		nats.ReconnectOnFlusherError(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			slog.Warn("nats connection", "connection", name, "error", err)
		}),
		nats.SetCustomDialer(new(tap)),
		nats.ReconnectBufSize(-1), // nothing is buffered while away: callers retry and know what was stored
	}
	nc, err := nats.Connect(url, append(base, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to nats at %s: %w", url, err)
	}
	if _, err := attended(nc, name); err != nil {
		return nil, err
	}
	return nc, nil
}

// beside makes another connection to where nc is, with its options: what is said over it does not wait behind what nc reads. It comes about when there is
// somebody to connect to; the caller closes it.
func beside(nc *nats.Conn, name string) (*nats.Conn, jetstream.JetStream, error) {
	opts := nc.Opts
	opts.Name, opts.RetryOnFailedConnect = name, true
	if _, ok := opts.CustomDialer.(*tap); ok {
		opts.CustomDialer = new(tap)
	}
	second, err := opts.Connect()
	if err != nil {
		return nil, nil, fmt.Errorf("connecting once more to nats: %w", err)
	}
	js, err := attended(second, name)
	if err != nil {
		return nil, nil, err
	}
	return second, js, nil
}

// attended leaves useless nodes to [attend]; it closes nc when that is not to be had.
func attended(nc *nats.Conn, name string) (jetstream.JetStream, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("opening JetStream for %s: %w", name, err)
	}
	go attend(nc, js, name)
	return js, nil
}

// IsConflict tells whether err is a refused expected-sequence check: definitely not stored.
func IsConflict(err error) bool {
	if errors.Is(err, broker.ErrConflict) {
		return true
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeWrongLastSeq || api.ErrorCode == codeWrongLastSeqKind)
}

// IsTransient tells whether trying again may help: time-outs, lost connections, leader changes and
// errors of the server's own making. A conflict is not transient.
func IsTransient(err error) bool {
	if err == nil || IsConflict(err) {
		return false
	}
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case codeDuplicateInProcess, codeNoPeers:
			return true
		case codeNotClustered:
			return false
		}
		return api.Code >= 500
	}
	for _, e := range []error{nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
		nats.ErrNoStreamResponse, nats.ErrReconnectBufExceeded, nats.ErrStaleConnection, nats.ErrNoServers,
		jetstream.ErrNoStreamResponse, jetstream.ErrAsyncPublishTimeout, jetstream.ErrTooManyStalledMsgs, errNoLeader, errAlone} {
		if errors.Is(err, e) {
			return true
		}
	}
	// A write to a connection that is just breaking; nats.go reconnects by itself.
	var broken *net.OpError
	if errors.As(err, &broken) || errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return true
	}
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
