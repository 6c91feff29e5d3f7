package story_test

import (
	"fmt"
	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/pkg/story/storytest"
	"testing"
)

func TestFirst(t *testing.T) {
	r, _ := story.New(story.DefaultConfig(), storytest.Load(t))
	s, err := r.Session(t.Context(), "acme", "s-ada-1~9f3a2c41", 0)
	fmt.Println(err)
	for _, x := range s.InShort() {
		fmt.Println(x.Time.Format("15:04:05"), x.Tone, x.Text)
	}
	for _, e := range s.Entries {
		fmt.Println(e.Time, e.Decision.Did(), e.Decision.Headline(), len(e.Signals), e.Enforcement != nil)
		for _, w := range story.Waterfall(e.Decision.Parts) {
			fmt.Println("   ", w.Title, "|", w.Words, w.Nats, w.Risk)
		}
	}
	o, err := r.Overview(t.Context(), "", 24*3600e9, storytest.Now)
	o.Series = nil
	fmt.Printf("%+v %v\n", o, err)
	u, err := r.User(t.Context(), "acme", "ada", storytest.Now.AddDate(0, 0, -9))
	fmt.Printf("%+v %v\n", u, err)
	l, err := r.Live(t.Context(), story.LiveFilter{}, storytest.Now)
	for _, d := range l {
		fmt.Println(d.User, d.Risk, d.Headline())
	}
	fmt.Println(err)
	fmt.Println(r.Find(t.Context(), "ada"))
	fmt.Println(r.DeadLetters(t.Context(), "", "", storytest.Now.AddDate(0, 0, -1), 0))
	fmt.Println(r.DeadReasons(t.Context(), "", storytest.Now.AddDate(0, 0, -1)))
	fmt.Println(r.Tenants(t.Context()))
	fmt.Println(r.Session(t.Context(), "acme", "nope", 0))
}
