package subject

import (
	"hash/fnv"
	"testing"
)

// FuzzPartition compares with the definition: FNV-1a over the two tokens.
func FuzzPartition(f *testing.F) {
	for _, in := range [][2]string{{"acme", "u1"}, {"", ""}, {"acme", ""}, {"", "u"}, {"a=b", "über.user"}, {"acme", "f0e1-x_Y"}, {"a", "=="}, {"a.", "plain"}} {
		f.Add(in[0], in[1])
	}
	f.Fuzz(func(t *testing.T, tenant, user string) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(Token(tenant)))
		_, _ = h.Write([]byte(Token(user)))
		if got, want := Partition(tenant, user, 32), int(h.Sum32()%32); got != want {
			t.Errorf("%q, %q: got %d, want %d", tenant, user, got, want)
		}
	})
}
