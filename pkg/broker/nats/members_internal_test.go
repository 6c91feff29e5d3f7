package natsjs

import (
	"testing"
	"time"
)

// A renewal that was on its way when the worker left does not bring it back: the others would wait for the end of its lease.
func TestARenewalThatComesAfterTheLeavingIsRefused(t *testing.T) {
	q := newQuiet(t)
	m, err := NewMembers(q.js, MembersConfig{ID: "w", TTL: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	m.beat(q.ctx)
	data, last, ok := m.entry()
	if !ok || last == 0 {
		t.Fatalf("the entry is at %d, %v", last, ok)
	}
	if err := m.Leave(q.ctx); err != nil {
		t.Fatal(err)
	}
	gone, _, err := m.newest(q.ctx, memberPrefix+"w")
	if err != nil {
		t.Fatal(err)
	}
	m.renew(q.ctx, data, last)
	if now, _, err := m.newest(q.ctx, memberPrefix+"w"); err != nil || now != gone {
		t.Errorf("the entry is at %d (%v), want %d, where it was left", now, err, gone)
	}
}
