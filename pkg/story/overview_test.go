package story_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

// An installation whose views were made later, or whose old hours are gone, answers the same from features.
func TestTheOverviewDoesNotDependOnWhenItsViewsWereMade(t *testing.T) {
	conn := storytest.Load(t)
	r, err := story.New(story.DefaultConfig(), conn)
	if err != nil {
		t.Fatal(err)
	}
	windows := []time.Duration{time.Minute, 100 * time.Minute, 24 * time.Hour, 7 * 24 * time.Hour}
	look := func() (all []story.Overview) {
		for _, w := range windows {
			o, err := r.Overview(t.Context(), "acme", w, storytest.Now)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, o)
		}
		return all
	}
	want := look()
	if want[1].Decisions != 3 || want[2].Decisions != 22 || want[2].Users != 6 {
		t.Errorf("100 minutes hold %d decisions, a day %d of %d users", want[1].Decisions, want[2].Decisions, want[2].Users)
	}
	for i, w := range windows {
		at := storytest.Now.Add(-w)
		if w >= 24*time.Hour {
			at = at.Truncate(time.Hour)
		}
		if !want[i].Since.Equal(at) {
			t.Errorf("%v begin at %v, want %v", w, want[i].Since, at)
		}
	}
	for _, later := range []string{
		"ALTER TABLE decided_hour DELETE WHERE t < toDateTime('2026-11-20 12:00:00', 'UTC') SETTINGS mutations_sync = 2",
		"ALTER TABLE decided_5m DELETE WHERE t < toDateTime('2026-11-20 12:30:00', 'UTC') SETTINGS mutations_sync = 2",
		"TRUNCATE TABLE decided_hour", "TRUNCATE TABLE decided_5m",
	} {
		if err := conn.Exec(t.Context(), later); err != nil {
			t.Fatal(err)
		}
		for i, got := range look() {
			if !reflect.DeepEqual(got, want[i]) {
				t.Errorf("after %q, %v:\n got %+v\nwant %+v", later, windows[i], got, want[i])
			}
		}
	}
}
