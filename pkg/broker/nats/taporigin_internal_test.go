package natsjs

import (
	"errors"
	"io"
	"testing"
)

const ownLine = "HMSG ev.a 23 $JS.ACK.S.one.1.10.1.1700000000000000000.7 18 20"

// knowing is a connection that has read a line of tail one.
func knowing(t testing.TB) *tapped {
	d := new(tap)
	tail := tailOf(d, "one")
	c := &tapped{tap: d}
	op, ok := parseOp([]byte(ownLine + "\r"))
	if !ok {
		t.Fatal(ownLine)
	}
	c.remember([]byte(ownLine+"\r"), &op, tail)
	return c
}

// FuzzRecall: a line that is read by what is known of the one before is read as from its beginning.
func FuzzRecall(f *testing.F) {
	for _, s := range []string{ownLine, "HMSG ev.b.c 23 $JS.ACK.S.one.9.11.2.1700000000000000001.0 5 700", "HMSG ev.a 23 $JS.ACK.S.one.1.10.1.1700000000000000000.7.r 18 20",
		"HMSG ev.a 33 $JS.ACK.S.one.1.10.1.1700000000000000000.7 18 20", "HMSG ev.a 23 $JS.ACK.S.one2.1.10.1.1700000000000000000.7 18 20", "HMSG _INBOX.a 23 $JS.ACK.S.one.1.10.1.1700000000000000000.7 18 20",
		"MSG ev.a 23 $JS.ACK.S.one.1.10.1.1700000000000000000.7 20", "HMSG ev.a 23 $JS.ACK.S.one.1.10.1.1700000000000000000.7 21 20", "HMSG  23 $JS.ACK.S.one.1.10.1.1.7 1 2",
		"HMSG ev.a 23 $JS.ACK.S.one.1.99999999999999999999.1.1.7 1 2", "HMSG ev.a 23 $JS.ACK.S.one.1.10.1.1.7 1 99999999999", "HMSG ev.a 23 $JS.ACK.S.one.1.10.1.1.7 1 2 3", "HMSG ev.a 23 ", "HMSG ", ""} {
		f.Add(s)
	}
	known := knowing(f)
	f.Fuzz(func(t *testing.T, line string) {
		if line == "" || line[len(line)-1] != '\r' {
			line += "\r"
		}
		got, tail := known.recall([]byte(line))
		if tail == nil {
			return
		}
		want, ok := parseOp([]byte(line))
		want.at = parseReply(want.reply)
		want.reply = "" // nobody reads it again
		if !ok || known.tailOf(&want) != tail || got != want {
			t.Fatalf("%q is %+v, want %+v, %v", line, got, want, ok)
		}
	})
}

func TestWhatIsUsualIsRecalled(t *testing.T) {
	c := knowing(t)
	for line, want := range map[string]bool{
		ownLine: true, "HMSG ev.b.c 23 $JS.ACK.S.one.9.11.2.1700000000000000001.0 5 700": true,
		"HMSG ev.a 24 $JS.ACK.S.one.1.10.1.1700000000000000000.7 18 20":      false, // another subscription
		"HMSG ev.a 23 $JS.ACK.S.two.1.10.1.1700000000000000000.7 18 20":      false, // another tail's
		"HMSG _INBOX.a 23 $JS.ACK.S.one.1.10.1.1700000000000000000.7 18 20":  false, // an answer
		"HMSG ev.a 23 $JS.ACK.S.one.1.10.1.1700000000000000000.7.rnd 18 20":  false, // of a server that says more
		"HMSG ev.a 23 $JS.ACK.S.one.1.x.1.1700000000000000000.7 18 20":       false,
		"HMSG ev.a 23 $JS.ACK.S.one.1.10.1.1700000000000000000.7 18 2000000": true,
	} {
		if _, tail := c.recall([]byte(line + "\r")); (tail != nil) != want {
			t.Errorf("%q: recalled %v", line, tail != nil)
		}
	}
}

// The messages of a tail that has ended are the library's, whatever is known of them.
func TestATapForgetsATailThatHasEnded(t *testing.T) {
	d := new(tap)
	tail := tailOf(d, "one")
	first := ownLine + "\r\nNATS/1.0\r\nk: v\r\n\r\nab\r\n"
	in := &chunked{rest: []byte(first + "PING\r\n"), sizes: nil}
	c := &tapped{Conn: in, tap: d, buf: make([]byte, tapBuffer)}
	p := make([]byte, 1000)
	if n, err := c.Read(p); err != nil || string(p[:n]) != "PING\r\n" || len(tail.buf) != 1 {
		t.Fatalf("let %q through, %v; %d messages kept", p[:n], err, len(tail.buf))
	}
	d.set("one", nil)
	in.rest = []byte(first)
	if n, err := c.Read(p); err != nil || string(p[:n]) != first {
		t.Errorf("let %q through, %v; want %q", p[:n], err, first)
	}
	if _, err := c.Read(p); !errors.Is(err, io.EOF) || len(tail.buf) != 1 {
		t.Errorf("%v; %d messages kept", err, len(tail.buf))
	}
}
