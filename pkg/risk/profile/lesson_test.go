package profile_test

import (
	"bytes"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// told is a life of which people said something.
func told() *profile.Profile {
	p := lived()
	p.AddLesson(profile.Lesson{Session: 7, At: noon, Share: 500, Context: *context(9), Seen: profile.Sighting{Lat: 5, Lon: 6, At: noon, Name: "Somewhere, XX"}, Held: profile.Held{At: noon, Travel: 900}})
	p.AddLesson(profile.Lesson{Hostile: true, Session: 8, At: noon + day, Context: profile.Context{Device: 5}})
	return p
}

func TestLessonsSurviveTheCodecAndCutOffOnesDoNot(t *testing.T) {
	t.Parallel()
	p := told()
	data := p.AppendBinary(nil)
	var q profile.Profile
	if err := profile.Decode(data, &q); err != nil {
		t.Fatal(err)
	}
	if len(q.Lessons) != 2 || q.Lessons[0] != p.Lessons[0] || q.Lessons[1] != p.Lessons[1] || !bytes.Equal(q.AppendBinary(nil), data) {
		t.Errorf("got %+v, want %+v", q.Lessons, p.Lessons)
	}
	for n := len(lived().AppendBinary(nil)) + 1; n < len(data); n++ {
		if err := profile.Decode(data[:n], &q); err == nil {
			t.Errorf("%d of %d bytes were taken for a profile", n, len(data))
		}
	}
}

func TestLessonsChangeHowAProfileLooksAndNotTheProfile(t *testing.T) {
	t.Parallel()
	p := lived()
	plain := p.AppendBinary(nil)
	if p.Taught() != p {
		t.Error("without lessons, the profile is copied")
	}
	home := *context(59)
	here := p.Places[len(p.Places)-1].Sighting
	p.AddLesson(profile.Lesson{Hostile: true, Session: 1, At: noon, Context: home, Seen: here})
	q := p.Taught()
	if q.Devices.Find(home.Device) >= 0 || q.PlaceNear(here.Lat, here.Lon) >= 0 {
		t.Error("what is hostile is still known")
	}
	if find(q, home.Network) >= 0 || find(p, home.Network) < 0 {
		t.Error("the prefix is still known, or no longer known to the profile itself")
	}
	p.DropLesson(0)
	strange := profile.Context{Network: profile.Path{77, 78, 79, 80}, Agent: profile.Path{81, 82, 83, 84}, Device: 85}
	p.AddLesson(profile.Lesson{Session: 1, At: noon + 60*day, Share: 1000, Context: strange})
	if q = p.Taught(); q.Devices.Find(85) < 0 || find(q, strange.Network) < 0 || p.Devices.Find(85) >= 0 {
		t.Error("what is the user's own is not known, or the profile itself was changed")
	}
	p.DropLesson(0)
	if !bytes.Equal(p.AppendBinary(nil), plain) {
		t.Error("lessons that were taken back changed the profile")
	}
}

// find is a path's prefix in the networks, or -1.
func find(p *profile.Profile, path profile.Path) int {
	at := -1
	for level := range 3 {
		if at = p.Networks.Find(at, level, path[level]); at < 0 {
			return -1
		}
	}
	return at
}

func TestWhatIsSettledIsTheUsersOwn(t *testing.T) {
	t.Parallel()
	var p profile.Profile
	home := *context(4)
	for i := range 4 {
		p.Advance(noon)
		p.Learn(&home, noon, 1)
		if ctx, _, any := p.Foreign(home, profile.Sighting{}, noon); !any || ctx.Device != home.Device || ctx.Network != home.Network {
			t.Errorf("after %d observations home is settled", i+1)
		}
	}
	p.Learn(&home, noon, 1)
	if _, _, any := p.Foreign(home, profile.Sighting{}, noon); any {
		t.Error("after five observations home is not settled")
	}
	if ctx, _, any := p.Foreign(profile.Context{Network: home.Network, Device: 999}, profile.Sighting{}, noon); !any || ctx.Device != 999 || ctx.Network[2] != 0 {
		t.Error("another device at home is not all that is foreign")
	}
}

func TestWithoutRoomTheOldestLessonGoes(t *testing.T) {
	t.Parallel()
	var p profile.Profile
	p.AddLesson(profile.Lesson{Hostile: true, Session: 1, At: noon})
	for i := range uint64(20) {
		p.AddLesson(profile.Lesson{Session: 100 + i, At: noon + day})
	}
	if len(p.Lessons) != profile.MaxLessons || p.LessonOf(1, true) < 0 || p.LessonOf(119, false) < 0 || p.LessonOf(100, false) >= 0 {
		t.Errorf("kept %+v", p.Lessons)
	}
}
