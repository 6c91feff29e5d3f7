package bridge

import (
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// session is a connection that outlives a request: temporary tables, SET and USE stay.
type session struct {
	conn  *chdb.Conn
	busy  bool
	uses  int
	timer *time.Timer // runs while the session is not busy
}

// sessions by their ids.
type sessions struct {
	mu     sync.Mutex
	list   map[string]*session
	closed bool
}

// acquire opens a session or takes up an idle one.
func (b *Bridge) acquireSession(id string, parameters url.Values) (*session, time.Duration, error) {
	timeout := b.cfg.SessionTimeout
	if text := parameters.Get("session_timeout"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return nil, 0, exception(codeSessionTimeout, "Invalid session timeout: '%s'", text)
		}
		if timeout = time.Duration(seconds) * time.Second; timeout > b.cfg.MaxSessionTimeout {
			return nil, 0, exception(codeSessionTimeout, "Session timeout '%s' is larger than the longest allowed, %s", text, b.cfg.MaxSessionTimeout)
		}
	}
	b.sessions.mu.Lock()
	defer b.sessions.mu.Unlock()
	if s, known := b.sessions.list[id]; known {
		if s.busy {
			return nil, 0, exception(codeSessionLocked, "Session %s is locked by a concurrent client", id)
		}
		s.busy = true
		s.uses++ // a timer that has just fired waits for the lock, and must not find it idle again
		s.timer.Stop()
		return s, timeout, nil
	}
	if parameters.Get("session_check") == "1" {
		return nil, 0, exception(codeSessionNotFound, "Session %s not found", id)
	}
	if b.sessions.closed || len(b.sessions.list) >= b.cfg.MaxSessions {
		return nil, 0, exception(codeTooManyQueries, "Too many open sessions; the maximum is %d", b.cfg.MaxSessions)
	}
	conn, err := b.connect()
	if err != nil {
		return nil, 0, err
	}
	s := &session{conn: conn, busy: true}
	b.sessions.list[id] = s
	return s, timeout, nil
}

// releaseSession makes the session idle, or ends it.
func (b *Bridge) releaseSession(id string, s *session, timeout time.Duration, end bool) {
	b.sessions.mu.Lock()
	defer b.sessions.mu.Unlock()
	s.busy = false
	if end || b.sessions.closed || timeout == 0 {
		delete(b.sessions.list, id)
		s.conn.Close()
		return
	}
	uses := s.uses
	s.timer = time.AfterFunc(timeout, func() {
		b.sessions.mu.Lock()
		defer b.sessions.mu.Unlock()
		if b.sessions.list[id] == s && !s.busy && s.uses == uses {
			delete(b.sessions.list, id)
			s.conn.Close()
		}
	})
}

func (s *sessions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.list)
}

// closeAll ends idle sessions; busy ones end when they are released.
func (s *sessions) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for id, one := range s.list {
		if !one.busy {
			one.timer.Stop()
			delete(s.list, id)
			one.conn.Close()
		}
	}
}
