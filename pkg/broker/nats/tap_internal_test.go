package natsjs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// chunked is a connection that brings bytes in pieces of given sizes, the last one over and over.
type chunked struct {
	net.Conn
	rest  []byte
	sizes []int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	size := len(c.rest)
	if len(c.sizes) > 0 {
		if size = c.sizes[0]; len(c.sizes) > 1 {
			c.sizes = c.sizes[1:]
		}
	}
	n := copy(p, c.rest[:min(size, len(c.rest))])
	c.rest = c.rest[n:]
	return n, nil
}

// through reads all that a tap lets through, in pieces of size.
func through(d *tap, in []byte, sizes []int, size int) ([]byte, error) {
	c := &tapped{Conn: &chunked{rest: in, sizes: sizes}, tap: d, buf: make([]byte, tapBuffer)}
	var out []byte
	p := make([]byte, size)
	for {
		n, err := c.Read(p)
		out = append(out, p[:n]...)
		if err != nil {
			return out, err
		}
	}
}

func tailOf(d *tap, consumer string) *Tail {
	t := &Tail{current: consumer, notify: make(chan struct{}, 1)}
	d.set(consumer, t)
	return t
}

func TestATapTakesItsTailsMessagesAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := new(tap)
		tails := map[string]*Tail{"one": tailOf(d, "one"), "two": tailOf(d, "two")}
		want := map[string][]string{}
		seqs := map[string]int{}
		var in, foreign []byte
		for range rapid.IntRange(0, 40).Draw(t, "operations") {
			body := rapid.StringOfN(rapid.RuneFrom([]rune("abM\r\nH ")), 0, 300, -1).Draw(t, "body")
			if rapid.IntRange(0, 30).Draw(t, "large") == 0 {
				body = strings.Repeat("x", tapBuffer+len(body))
			}
			head := "NATS/1.0\r\nk: v\r\n\r\n"
			kind := rapid.SampledFrom([]string{"own", "own", "own bare", "other consumer", "answer", "answer with headers", "to an inbox", "PING", "INFO {}", "+OK", "-ERR 'x'"}).Draw(t, "kind")
			consumer := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "consumer")
			reply := fmt.Sprintf("$JS.ACK.S.%s.1.%d.%d.1700000000000000000.7", consumer, 10*(seqs[consumer]+1), seqs[consumer]+1)
			op := ""
			switch kind {
			case "own":
				op = fmt.Sprintf("HMSG ev.a 3 %s %d %d\r\n%s%s\r\n", reply, len(head), len(head)+len(body), head, body)
				want[consumer], seqs[consumer] = append(want[consumer], "ev.a|"+head+"|"+body), seqs[consumer]+1
			case "own bare":
				op = fmt.Sprintf("MSG ev.b 3 %s %d\r\n%s\r\n", reply, len(body), body)
				want[consumer], seqs[consumer] = append(want[consumer], "ev.b||"+body), seqs[consumer]+1
			case "other consumer":
				op = fmt.Sprintf("MSG ev.b 3 $JS.ACK.S.three.1.1.1.1.0 %d\r\n%s\r\n", len(body), body)
			case "answer":
				op = fmt.Sprintf("MSG _INBOX.x 1 %d\r\n%s\r\n", len(body), body)
			case "answer with headers":
				op = fmt.Sprintf("HMSG _INBOX.x 1 %d %d\r\n%s%s\r\n", len(head), len(head)+len(body), head, body)
			case "to an inbox":
				op = fmt.Sprintf("MSG _INBOX.x 1 %s %d\r\n%s\r\n", reply, len(body), body)
			default:
				op = kind + "\r\n"
			}
			if in = append(in, op...); !strings.HasPrefix(kind, "own") {
				foreign = append(foreign, op...)
			}
		}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 2000), 0, 20).Draw(t, "sizes")
		out, err := through(d, in, sizes, rapid.IntRange(1, 40_000).Draw(t, "size"))
		if !errors.Is(err, io.EOF) || !bytes.Equal(out, foreign) {
			t.Fatalf("let %q through, want %q; %v", out, foreign, err)
		}
		for name, tail := range tails {
			var got []string
			for i := range tail.buf {
				m := &tail.buf[i]
				got = append(got, m.Subject()+"|"+string(m.head[m.subject:])+"|"+string(m.Data))
				if m.Seq != uint64(10*(i+1)) || m.StoredNS != 1_700_000_000_000_000_000 || m.Pending != 7 {
					t.Fatalf("%s: message %d says %+v", name, i, m)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want[name]) || tail.broken {
				t.Fatalf("%s has %q, want %q; broken %v", name, got, want[name], tail.broken)
			}
		}
	})
}

func TestATapSeesAMessageThatIsMissing(t *testing.T) {
	d := new(tap)
	tail := tailOf(d, "one")
	in := "MSG ev 1 $JS.ACK.S.one.1.1.1.1.0 1\r\na\r\nMSG ev 1 $JS.ACK.S.one.1.3.3.1.0 1\r\nc\r\nMSG ev 1 $JS.ACK.S.one.1.4.4.1.0 1\r\nd\r\n"
	if _, err := through(d, []byte(in), nil, 100); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if len(tail.buf) != 1 || !tail.broken {
		t.Fatalf("%d messages kept, broken %v", len(tail.buf), tail.broken)
	}
}

func TestATapRefusesAMessageThatDoesNotEnd(t *testing.T) {
	d := new(tap)
	tailOf(d, "one")
	if _, err := through(d, []byte("MSG ev 1 $JS.ACK.S.one.1.1.1.1.0 1\r\nabcdef"), nil, 100); !errors.Is(err, errTap) {
		t.Fatal(err)
	}
	large := fmt.Sprintf("MSG ev 1 $JS.ACK.S.one.1.1.1.1.0 %d\r\n%s", tapBuffer, strings.Repeat("x", tapBuffer+2))
	if _, err := through(d, []byte(large), nil, 100); !errors.Is(err, errTap) {
		t.Fatal(err)
	}
}

// Whatever a server sends, a connection without tails is as if there were no tap, and one with tails does not fall over.
func FuzzTap(f *testing.F) {
	for _, s := range []string{"", "INFO {}\r\nPING\r\n", "\x16\x03\x01", "HTTP/1.1 101\r\n\r\n", "MSG a 1 2\r\nhi\r\nHMSG a 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
		"MSG a 1 $JS.ACK.S.one.1.1.1.1.0 1\r\na\r\n", "MSG a 1 $JS.ACK.S.one.1.1.1.1.0 1\r\nabc", "MSG a 1 $JS.ACK.d.h.S.one.1.1.1.1.0.r 1\r\na\r\n",
		"HMSG a 1 $JS.ACK.S.one.1.1.1.1.0 99 1\r\n", "MSG a b c d e f g h\r\n", "MSG  \r\n", "M"} {
		f.Add([]byte(s), 3, 5)
	}
	f.Fuzz(func(t *testing.T, in []byte, chunk, size int) {
		chunk, size = max(chunk&1023, 1), max(size&1023, 1)
		out, err := through(new(tap), in, []int{chunk}, size)
		if !errors.Is(err, io.EOF) || !bytes.HasPrefix(in, out) {
			t.Fatalf("%q became %q; %v", in, out, err)
		}
		// What is not whole may be missing: the connection ended in it.
		if rest := in[len(out):]; len(rest) > 0 && (bytes.IndexByte(rest, '\n') >= 0 || rest[0] != 'M' && rest[0] != 'H') {
			t.Fatalf("%q lacks its end %q", in, rest)
		}
		d := new(tap)
		tail := tailOf(d, "one")
		_, _ = through(d, in, []int{chunk}, size)
		for i := range tail.buf {
			_, _, _ = tail.buf[i].Subject(), tail.buf[i].Header(), tail.buf[i].Envelope()
		}
	})
}

func FuzzOfOurs(f *testing.F) {
	for _, s := range []string{"", "NATS/1.0\r\ncontent-type: application/protobuf\r\nNats-Msg-Id: 1\r\n\r\n", "NATS/1.0\r\nNats-Msg-Id: 1\r\ncontent-type: application/protobuf\r\n\r\n",
		"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n", "NATS/1.0\r\ncontent-type: application/protobuf\r\nNats-Msg-Id: 1\r\nce-id: 7\r\n\r\n", "NATS/1.0 503\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		m := Message{head: block, ours: ofOurs(block)}
		if got, want := m.Envelope(), Envelope(m.Header()); got != want {
			t.Fatalf("%q: %+v, want %+v", block, got, want)
		}
	})
}
