package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// barEvery is how often a bar is drawn on a terminal, lineEvery how often a line is written elsewhere.
	barEvery  = 200 * time.Millisecond
	lineEvery = 2 * time.Second
	barWidth  = 30
)

// progress tells how far something is that counts events: as a bar on a terminal, as a line now and then elsewhere.
type progress struct {
	out    io.Writer
	events *atomic.Int64
	// bytes of files that were read.
	bytes atomic.Int64
	// done of total says how far it is; total 0: nobody knows.
	done  func() int64
	total int64
	bar   bool

	begin      time.Time
	stop, over chan struct{}
}

func newProgress(out io.Writer, events *atomic.Int64) *progress {
	p := &progress{out: out, events: events, done: events.Load}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		p.bar = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// start begins to tell, until end.
func (p *progress) start() {
	p.begin, p.stop, p.over = time.Now(), make(chan struct{}), make(chan struct{})
	every := lineEvery
	if p.bar {
		every = barEvery
	}
	go func() {
		defer close(p.over)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.tell()
			case <-p.stop:
				if p.bar {
					fmt.Fprint(p.out, "\r\x1b[K")
				}
				return
			}
		}
	}()
}

func (p *progress) end() {
	if p.stop != nil {
		close(p.stop)
		<-p.over
	}
}

func (p *progress) tell() {
	text := p.line(time.Since(p.begin))
	if p.bar {
		fmt.Fprint(p.out, "\r"+text+"\x1b[K")
		return
	}
	fmt.Fprintln(p.out, "riskctl backtest: "+text)
}

// line is how far it is after a time.
func (p *progress) line(took time.Duration) string {
	n := p.events.Load()
	text := fmt.Sprintf("%d events, %.0f/s", n, float64(n)/max(took.Seconds(), 1e-9))
	if p.total <= 0 {
		return text
	}
	share := min(1, float64(p.done())/float64(p.total))
	text = fmt.Sprintf("%3.0f %%  %s", 100*share, text)
	if share > 0 {
		left := time.Duration(float64(took) * (1 - share) / share).Round(time.Second)
		text += fmt.Sprintf(", %s left", left)
	}
	if p.bar {
		full := int(share * barWidth)
		text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "] " + text
	}
	return text
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}
