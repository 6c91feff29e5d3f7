package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgressTellsHowMuchIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		var events atomic.Int64
		p := newProgress(&out, &events)
		p.total = 4000
		p.start()
		events.Store(1000)
		time.Sleep(2100 * time.Millisecond)
		events.Store(3000)
		time.Sleep(2 * time.Second)
		p.end()
		want := "riskctl backtest:  25 %  1000 events, 500/s, 6s left\nriskctl backtest:  75 %  3000 events, 750/s, 1s left\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", &out, want)
		}
	})
}

func TestOnATerminalProgressIsABar(t *testing.T) {
	var events atomic.Int64
	p := newProgress(nil, &events)
	p.bar, p.total = true, 200
	events.Store(100)
	if got, want := p.line(time.Second), "["+strings.Repeat("=", 15)+strings.Repeat(" ", 15)+"]  50 %  100 events, 100/s, 1s left"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	p.total = 0
	if got := p.line(time.Second); got != "100 events, 100/s" {
		t.Errorf("of an unknown total: %q", got)
	}
}
