package story_test

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

func TestHistoryIsWhatPeopleDidWithoutTheThief(t *testing.T) {
	users := map[string]int{}
	last := map[string]event.Millis{}
	err := reader(t).History(t.Context(), day, func(ev *event.Event) error {
		users[ev.User.ID]++
		if ev.Network.Place.Country == "JP" {
			t.Errorf("the thief's %s from JP is in it", ev.Action)
		}
		if ev.Time < last[ev.User.ID] {
			t.Errorf("%s goes back in time", ev.User.ID)
		}
		last[ev.User.ID] = ev.Time
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if users["ada"] == 0 || users["bob"] == 0 || users["carol"] != 0 && users["carol"] > users["bob"] {
		t.Errorf("got events of %v, want those of ada and bob", users)
	}
}
