package gateway

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/wire"
)

// getSignals streams signals as server-sent events, from now on or behind Last-Event-ID:
//
//	id: 42
//	event: signal
//	data: {...}
//
// Ids are positions in the stored stream, so a client that comes back misses nothing that is still
// stored; where something is not, one "gap" event says so. A comment and the newest id come at
// every heartbeat. Only signals of the key's tenants are sent. A client that does not read is
// dropped, and finds its place again by its last id; so is one whose key is taken away.
func (s *Service) getSignals(w http.ResponseWriter, r *http.Request) {
	s.stream(w, r, s.deps.Signals)
}

// getNotices streams notices in the same way, as events named notice.
func (s *Service) getNotices(w http.ResponseWriter, r *http.Request) {
	s.stream(w, r, noticeStream{s.deps.Notices})
}

// noticeStream reads notices as signals are read.
type noticeStream struct{ of Notices }

func (n noticeStream) Last(ctx context.Context) (uint64, error) { return n.of.NewestNotice(ctx) }

func (n noticeStream) Open(from uint64) (SignalReader, error) {
	r, err := n.of.OpenNotices(from)
	if err != nil {
		return nil, err
	}
	return &noticeReader{r: r}, nil
}

type noticeReader struct {
	r    broker.NoticeReader
	took []broker.StoredNotice
}

func (n *noticeReader) Close() { n.r.Close() }

func (n *noticeReader) Take(ctx context.Context, dst []Positioned) (_ []Positioned, err error) {
	n.took, err = n.r.Take(ctx, n.took[:0])
	for _, s := range n.took {
		dst = append(dst, Positioned{Position: s.Position, Notice: s.Notice})
	}
	return dst, err
}

func (s *Service) stream(w http.ResponseWriter, r *http.Request, source Signals) {
	from, resumed, ok := lastEventID(r)
	if !ok {
		refuse(w, http.StatusBadRequest, "bad-request", "Last-Event-ID is not a position", "")
		return
	}
	tenant := r.URL.Query().Get("tenant")
	key := keyOf(r)
	if tenant != "" && !key.For(tenant) {
		s.metrics.denied.WithLabelValues("tenant").Inc()
		refuse(w, http.StatusForbidden, "forbidden", "Not allowed", "The key may not read this tenant.")
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		s.metrics.denied.WithLabelValues("streams").Inc()
		comeBack(w, 5)
		refuse(w, http.StatusServiceUnavailable, "busy", "Too many streams", "")
		return
	}
	last, err := source.Last(r.Context())
	if err == nil && (!resumed || from > last) { // a position of another installation: begin here
		from = last
	}
	var reader SignalReader
	if err == nil {
		reader, err = source.Open(from + 1)
	}
	if err != nil {
		s.deps.Log.Warn("stream not opened", "path", r.URL.Path, "error", err)
		comeBack(w, 1)
		refuse(w, http.StatusServiceUnavailable, "unavailable", "The stream could not be read", "")
		return
	}
	defer reader.Close()

	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if stopping := service.Stopping(r.Context()); stopping != nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			select {
			case <-stopping:
				cancel()
			case <-ctx.Done():
			}
		}()
		defer func() { cancel(); <-done }()
	}
	st := stream{s: s, rc: http.NewResponseController(w), w: w, pos: from, resumed: resumed, key: key, tenant: tenant}
	_ = st.rc.SetReadDeadline(time.Time{})
	st.follow(ctx, reader)
}

// lastEventID reads the position from the header that browsers' EventSource sends, or from the
// query for clients that cannot set it.
func lastEventID(r *http.Request) (pos uint64, given, ok bool) {
	v := r.Header.Get("Last-Event-ID")
	if v == "" {
		v = r.URL.Query().Get("last_event_id")
	}
	if v == "" {
		return 0, false, true
	}
	pos, err := strconv.ParseUint(v, 10, 63)
	return pos, true, err == nil
}

type stream struct {
	s       *Service
	w       http.ResponseWriter
	rc      *http.ResponseController
	key     *Key
	tenant  string // "" is every one of the key's
	pos     uint64 // the newest position passed
	resumed bool
	buf     []byte
}

func (st *stream) follow(ctx context.Context, reader SignalReader) {
	h := st.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	st.w.WriteHeader(http.StatusOK)
	st.buf = append(st.buf, "retry: 1000\n"...)
	st.beat()
	if !st.flush() {
		return
	}
	var batch []Positioned
	for {
		wait, cancel := context.WithTimeout(ctx, st.s.cfg.Heartbeat)
		var err error
		batch, err = reader.Take(wait, batch[:0])
		cancel()
		if ctx.Err() != nil {
			return
		}
		// A stream may be open for weeks: what the key may see is asked again.
		if st.key = st.s.deps.Keys.Current(st.key); st.key == nil || !st.key.May(ScopeRead) {
			return
		}
		for _, p := range batch {
			st.add(p)
		}
		if len(batch) == 0 {
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				st.s.deps.Log.Warn("signal stream ended", "error", err)
				return
			}
			st.beat()
		}
		if !st.flush() {
			return
		}
	}
}

// add writes one signal or notice to the buffer. What was trimmed away since the client's last id is
// admitted once.
func (st *stream) add(p Positioned) {
	if st.resumed && p.Position > st.pos+1 {
		st.buf = append(st.buf, "event: gap\ndata: {\"after\":"...)
		st.buf = strconv.AppendUint(st.buf, st.pos, 10)
		st.buf = append(st.buf, ",\"before\":"...)
		st.buf = strconv.AppendUint(st.buf, p.Position, 10)
		st.buf = append(st.buf, "}\n\n"...)
	}
	st.resumed = false
	st.pos = p.Position
	var data []byte
	kind := "signal"
	switch {
	case p.Signal != nil && st.may(p.Signal.TenantId):
		data = wire.AppendSignalJSON(nil, p.Signal)
	case p.Notice != nil && st.may(p.Notice.Tenant):
		kind = "notice"
		data, _ = p.Notice.Encode() // it was decoded, so that it can be written
	}
	if data == nil {
		return
	}
	st.buf = append(st.buf, "id: "...)
	st.buf = strconv.AppendUint(st.buf, p.Position, 10)
	st.buf = append(st.buf, "\nevent: "+kind+"\ndata: "...)
	st.buf = append(append(st.buf, data...), "\n\n"...)
	st.s.metrics.signals.Inc()
}

// may tells whether the client sees a tenant.
func (st *stream) may(tenant string) bool {
	return st.key.For(tenant) && (st.tenant == "" || st.tenant == tenant)
}

// beat keeps the connection alive and moves the client's last id past what was not for it.
func (st *stream) beat() {
	st.buf = append(st.buf, ": beat\nid: "...)
	st.buf = append(strconv.AppendUint(st.buf, st.pos, 10), "\n\n"...)
}

func (st *stream) flush() bool {
	if len(st.buf) == 0 {
		return true
	}
	_ = st.rc.SetWriteDeadline(time.Now().Add(st.s.cfg.StreamWrite))
	_, err := st.w.Write(st.buf)
	if err == nil {
		err = st.rc.Flush()
	}
	st.buf = st.buf[:0]
	if errors.Is(err, os.ErrDeadlineExceeded) {
		st.s.metrics.dropped.Inc()
	}
	return err == nil
}
