package servicetest_test

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// echo answers each line and tells of it.
func echo(t *testing.T) (address string, heard <-chan string) {
	t.Helper()
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = at.Close() })
	lines := make(chan string, 100)
	go func() {
		for {
			c, err := at.Accept()
			if err != nil {
				return
			}
			go func() {
				for in := bufio.NewScanner(c); in.Scan(); {
					lines <- in.Text()
					_, _ = fmt.Fprintln(c, in.Text())
				}
			}()
		}
	}()
	return at.Addr().String(), lines
}

type line struct {
	t *testing.T
	net.Conn
	answers *bufio.Reader
}

func call(t *testing.T, address string) *line {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &line{t: t, Conn: c, answers: bufio.NewReader(c)}
}

func (l *line) say(text string) {
	l.t.Helper()
	if _, err := fmt.Fprintln(l, text); err != nil {
		l.t.Fatal(err)
	}
}

// answer is what comes within d.
func (l *line) answer(d time.Duration) (string, error) {
	_ = l.SetReadDeadline(time.Now().Add(d))
	text, err := l.answers.ReadString('\n')
	return text, err
}

func (l *line) wants(text string) {
	l.t.Helper()
	if got, err := l.answer(5 * time.Second); err != nil || got != text+"\n" {
		l.t.Fatalf("answered %q (%v), want %q", got, err, text)
	}
}

func (l *line) silent() {
	l.t.Helper()
	if got, err := l.answer(100 * time.Millisecond); err == nil {
		l.t.Fatalf("answered %q, want nothing", got)
	}
}

func hears(t *testing.T, heard <-chan string, want string) {
	t.Helper()
	select {
	case got := <-heard:
		if got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("heard nothing, want %q", want)
	}
}

func TestALinkThatIsCutDeliversWhatWasUnderWayOnceItIsMended(t *testing.T) {
	target, heard := echo(t)
	at := servicetest.FreeAddress(t)
	l := servicetest.NewLink(t, at, target)
	c := call(t, at)
	c.say("one")
	hears(t, heard, "one")
	c.wants("one")
	l.Cut()
	l.Cut() // once more changes nothing
	c.say("two")
	c.silent()
	if len(heard) > 0 {
		t.Fatal("something went through a link that was cut")
	}
	l.Mend()
	hears(t, heard, "two")
	c.wants("two")
}

func TestWhatIsAskedOverALinkArrivesWhileItsAnswersDoNotAndIsLostWhenItBreaks(t *testing.T) {
	target, heard := echo(t)
	at := servicetest.FreeAddress(t)
	l := servicetest.NewLink(t, at, target)
	c := call(t, at)
	c.say("one")
	hears(t, heard, "one")
	c.wants("one")
	l.Cut(servicetest.Back)
	c.say("two")
	hears(t, heard, "two")
	c.silent()
	l.Break()
	l.Mend()
	if got, err := c.answer(5 * time.Second); err == nil {
		t.Fatalf("answered %q over a connection that was broken", got)
	}
	again := call(t, at)
	again.say("three")
	hears(t, heard, "three")
	again.wants("three")
}

func TestALinkThatIsSlowTakesAsLongEachWayAndNotForEachLine(t *testing.T) {
	target, _ := echo(t)
	at := servicetest.FreeAddress(t)
	const takes, lines = 60 * time.Millisecond, 20
	servicetest.NewLink(t, at, target).Slow(takes)
	c := call(t, at)
	began := time.Now()
	for i := range lines {
		c.say(fmt.Sprint(i))
		time.Sleep(time.Millisecond)
	}
	c.wants("0")
	if took := time.Since(began); took < 2*takes {
		t.Errorf("the first answer came after %s, want %s", took, 2*takes)
	}
	for i := range lines - 1 {
		c.wants(fmt.Sprint(i + 1))
	}
	if took := time.Since(began); took > lines*takes {
		t.Errorf("all answers came after %s", took)
	}
}
