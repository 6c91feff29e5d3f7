package subject

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"testing"
)

func TestChallengeIDIsTheDocumentedDigest(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("acme\x00s1\x00//acme/apps/web\x00e1"))
	want := "ch_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15]))
	if got := ChallengeID("acme", "s1", "//acme/apps/web", "e1"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The literal value is a contract with SDKs in other languages; a change here breaks them.
func TestChallengeIDStaysTheSameForever(t *testing.T) {
	t.Parallel()
	const want = "ch_3ruurb7cezanfvmxe7elc7cv"
	if got := ChallengeID("acme", "s1", "//acme/apps/web", "e1"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChallengeIDTellsEachNameApart(t *testing.T) {
	t.Parallel()
	seen := map[string][4]string{}
	for _, in := range [][4]string{
		{"a", "b", "c", "d"}, {"x", "b", "c", "d"}, {"a", "x", "c", "d"}, {"a", "b", "x", "d"}, {"a", "b", "c", "x"},
		{"ab", "", "c", "d"}, {"", "ab", "c", "d"}, {"a", "bc", "", "d"}, {"", "", "", ""},
		{strings.Repeat("a", 400), "b", "c", "d"}, {strings.Repeat("a", 401), "b", "c", "d"},
	} {
		id := ChallengeID(in[0], in[1], in[2], in[3])
		if len(id) != 27 || Token(id) != id {
			t.Errorf("%q: id %q is not 27 subject-safe characters", in, id)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q share the id %q", in, other, id)
		}
		seen[id] = in
	}
}

func TestChallengeIDAllocatesOnlyItsResult(t *testing.T) {
	got := testing.AllocsPerRun(100, func() { _ = ChallengeID("acme", "session-1", "//acme/apps/web", "event-1") })
	if got > 1 {
		t.Errorf("got %v allocations, want at most 1", got)
	}
}
