package scorer

import "testing"

// BenchmarkOpenPages brings the users of a partition, one of 32 of a million users, back from its pages, as a restart and a takeover do.
func BenchmarkOpenPages(b *testing.B) {
	part := lonePartitions(b, 1)[0]
	for _, batch := range loneBatches(b, []*partition{part}, 120_000, 31_250, 512) {
		if err := part.commit(b.Context(), batch.msgs); err != nil {
			b.Fatal(err)
		}
	}
	var stored [pageCount][]byte
	size := 0
	for n := range stored {
		stored[n] = sealPage(part.st.pages[n].snapshot(nil, 77))
		size += len(stored[n])
	}
	users, memory := part.st.users, 0
	b.ReportAllocs()
	cpu := cpuSeconds()
	for b.Loop() {
		got := newStore()
		for n := range stored {
			if _, err := got.openPage(n, stored[n]); err != nil {
				b.Fatal(err)
			}
			if n == 0 {
				got.expect(got.users * pageCount)
			}
		}
		if got.users != users {
			b.Fatalf("got %d users, want %d", got.users, users)
		}
		memory = got.bytes
	}
	b.ReportMetric((cpuSeconds()-cpu)/float64(b.N)/float64(users)*1e9, "cpu-ns/user")
	b.ReportMetric(float64(size)/float64(users), "stored-B/user")
	b.ReportMetric(float64(memory)/float64(users), "memory-B/user")
}
