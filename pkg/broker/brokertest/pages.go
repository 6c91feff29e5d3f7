package brokertest

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/riskd-io/riskd/pkg/broker"
)

func pagesAreKept(t *testing.T, open Open) {
	again := open(t, 1)
	b, _ := opened(t, again)
	o := own(t, b, 0, "a")
	revs := map[string]uint64{}
	for round := range 3 {
		for n := range 5 {
			name := strconv.Itoa(n)
			rev, err := o.log.StorePage(t.Context(), name, revs[name], fmt.Appendf(nil, "page %d of round %d", n, round))
			if err != nil {
				t.Fatal(err)
			}
			revs[name] = rev
		}
	}
	got := map[string]string{}
	if err := o.log.Pages(t.Context(), func(p broker.Page) error {
		if p.Rev != revs[p.Name] && got[p.Name] != "" {
			t.Errorf("page %s: got revision %d, want %d", p.Name, p.Rev, revs[p.Name])
		}
		got[p.Name] = string(p.Data)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if want := fmt.Sprintf("page %d of round 2", n); got[strconv.Itoa(n)] != want {
			t.Errorf("got %q, want %q", got[strconv.Itoa(n)], want)
		}
	}
	b2, _ := opened(t, again)
	next := own(t, b2, 0, "b")
	p, ok, err := next.log.ReadPage(t.Context(), "3")
	if err != nil || !ok || string(p.Data) != "page 3 of round 2" {
		t.Fatalf("got %q, %v, %v", p.Data, ok, err)
	}
	if _, ok, err := next.log.ReadPage(t.Context(), "none"); ok || err != nil {
		t.Fatalf("a page that was never stored: %v, %v", ok, err)
	}
	if _, err := next.log.StorePage(t.Context(), "3", p.Rev, []byte("of the new owner")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.log.StorePage(t.Context(), "3", revs["3"], []byte("of the old one")); !errors.Is(err, broker.ErrConflict) {
		t.Fatalf("the old owner's page: got %v, want ErrConflict", err)
	}
}

// pagesOfAnEarlierOwnerAreNotMissed: what it had under way when the partition was claimed may be stored while all pages are read.
func pagesOfAnEarlierOwnerAreNotMissed(t *testing.T, open Open) {
	b, _ := opened(t, open(t, 1))
	o := own(t, b, 0, "a")
	const pages, some = 540, 270 // a reader has at most 256 under way
	revs := make([]uint64, pages)
	store := func(n int, text string) {
		rev, err := o.log.StorePage(t.Context(), strconv.Itoa(n), revs[n], []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		revs[n] = rev
	}
	for n := range pages {
		store(n, "early")
	}
	got := map[string]string{}
	if err := o.log.Pages(t.Context(), func(p broker.Page) error {
		if len(got) == 0 {
			for n := some; n < pages-1; n++ {
				store(n, "late")
			}
		}
		got[p.Name] = string(p.Data)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n := range pages {
		if got[strconv.Itoa(n)] == "" {
			t.Errorf("page %d is missed", n)
		}
	}
}
