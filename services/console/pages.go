package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
)

// page is what a handler gives to its template.
type page struct {
	// Name of the template; To redirects instead.
	Name, Title, To string
	Status          int
	Data            any
	// AsOf is when the data of a shared page was read; zero for others.
	AsOf time.Time

	// Filled in when written.
	Now       time.Time
	Path      string
	Query     string
	RefreshMS int
}

type missing struct{ Tenant, What string }
type away struct{ Error string }

// window is a span of riskd's clock to look at.
type window struct {
	Key   string
	Label string
	Span  time.Duration
}

var windows = []window{
	{"15m", "15 min", 15 * time.Minute}, {"1h", "1 hour", time.Hour}, {"24h", "24 hours", 24 * time.Hour}, {"7d", "7 days", 7 * 24 * time.Hour},
}

func windowOf(r *http.Request, otherwise string) window {
	key := r.URL.Query().Get("window")
	for _, w := range windows {
		if w.Key == key {
			return w
		}
	}
	i := slices.IndexFunc(windows, func(w window) bool { return w.Key == otherwise })
	return windows[i]
}

type livePage struct {
	Overview   story.Overview
	Chart      chart
	Rows       []story.Decision
	Challenges []story.Challenge
	Filter     story.LiveFilter
	Filtered   bool
	Tenants    []string
	Windows    []window
	Window     window
	Known      bool          // whether there is any decision
	Fresh      time.Duration // since the last one that is persisted
	Self       string        // this page's query, for its own refresh
}

func (s *Service) live(r *http.Request) (page, error) {
	ctx, q := r.Context(), r.URL.Query()
	minRisk, _ := strconv.ParseFloat(q.Get("min_risk"), 64) // 0 when it is no number
	d := livePage{Windows: windows, Window: windowOf(r, "15m"), Filter: story.LiveFilter{
		Tenant: q.Get("tenant"), User: q.Get("user"), Action: q.Get("action"), Level: q.Get("level"),
		Country: q.Get("country"), Kind: q.Get("kind"), MinRisk: min(max(minRisk, 0), 100), Limit: s.cfg.Rows,
	}}
	f := d.Filter
	f.Limit = 0
	d.Filtered = f != (story.LiveFilter{})
	now := s.now()
	var err error
	if d.Rows, err = s.stories.Live(ctx, d.Filter, now); err != nil {
		return page{}, err
	}
	if d.Overview, err = s.stories.Overview(ctx, d.Filter.Tenant, d.Window.Span, now); err != nil {
		return page{}, err
	}
	if d.Challenges, err = s.stories.Challenges(ctx, story.ChallengeFilter{Tenant: d.Filter.Tenant, Since: now.Add(-max(d.Window.Span, 24*time.Hour)), Limit: 12}); err != nil {
		return page{}, err
	}
	if d.Tenants, err = s.stories.Tenants(ctx); err != nil {
		return page{}, err
	}
	last := d.Overview.LastDecided
	if len(d.Rows) > 0 && d.Rows[0].DecidedAt.After(last) {
		last = d.Rows[0].DecidedAt
	}
	d.Known, d.Fresh = !last.IsZero(), max(0, now.Sub(last))
	d.Chart = chartOf(d.Overview.Series)
	q.Set("fragment", "1")
	d.Self = "/?" + q.Encode()
	return page{Name: "live", Title: "Live", Data: d, AsOf: now}, nil
}

type stepUpsPage struct {
	Challenges []story.Challenge
	State      string
	States     []string
	Tenant     string
	Tenants    []string
	Funnel     story.Funnel
	Window     window
	Windows    []window
	Self       string
}

func (s *Service) stepUps(r *http.Request) (page, error) {
	ctx, q := r.Context(), r.URL.Query()
	d := stepUpsPage{State: q.Get("state"), Tenant: q.Get("tenant"), Window: windowOf(r, "24h"), Windows: windows,
		States: []string{"required", "satisfied", "denied", "expired", "cancelled"}}
	now := s.now()
	var err error
	if d.Challenges, err = s.stories.Challenges(ctx, story.ChallengeFilter{Tenant: d.Tenant, State: d.State, Since: now.Add(-d.Window.Span), Limit: 200}); err != nil {
		return page{}, err
	}
	o, err := s.stories.Overview(ctx, d.Tenant, d.Window.Span, now)
	if err != nil {
		return page{}, err
	}
	d.Funnel = o.Funnel
	if d.Tenants, err = s.stories.Tenants(ctx); err != nil {
		return page{}, err
	}
	q.Set("fragment", "1")
	d.Self = "/stepups?" + q.Encode()
	return page{Name: "stepups", Title: "Step-ups", Data: d, AsOf: now}, nil
}

type sessionPage struct {
	story.SessionStory
	Short []story.Sentence
	// Open is the entry to look at first, -1 when there is none.
	Open int
	Days []day
	Self string
}

// day groups a timeline's entries.
type day struct {
	Date    time.Time
	Entries []entry
}

type entry struct {
	story.Entry
	Open bool
}

// sessionEntries bounds a session's timeline.
const sessionEntries = 300

func (s *Service) session(r *http.Request) (page, error) {
	q := r.URL.Query()
	st, err := s.stories.Session(r.Context(), q.Get("tenant"), q.Get("id"), sessionEntries)
	if err != nil {
		return page{}, err
	}
	d := sessionPage{SessionStory: st, Short: st.InShort(), Open: telling(st.Entries)}
	for i, e := range st.Entries {
		date := e.Time.UTC().Truncate(24 * time.Hour)
		if n := len(d.Days); n == 0 || !d.Days[n-1].Date.Equal(date) {
			d.Days = append(d.Days, day{Date: date})
		}
		last := &d.Days[len(d.Days)-1]
		last.Entries = append(last.Entries, entry{e, i == d.Open})
	}
	q.Set("fragment", "1")
	d.Self = "/session?" + q.Encode()
	return page{Name: "session", Title: "Session " + st.Summary.Session, Data: d}, nil
}

// telling is the entry that explains most: the first that raised a challenge or denial, else the riskiest.
func telling(entries []story.Entry) int {
	best := -1
	for i, e := range entries {
		if e.Decision == nil {
			continue
		}
		for _, sig := range e.Signals {
			if sig.State == "required" && sig.Revision <= 1 {
				return i
			}
		}
		if best < 0 || e.Decision.Risk > entries[best].Decision.Risk {
			best = i
		}
	}
	return best
}

// userDays is how far back a user's story goes.
const userDays = 90

func (s *Service) user(r *http.Request) (page, error) {
	q := r.URL.Query()
	st, err := s.stories.User(r.Context(), q.Get("tenant"), q.Get("id"), s.now().AddDate(0, 0, -userDays))
	if err != nil {
		return page{}, err
	}
	return page{Name: "user", Title: "User " + st.User, Data: st}, nil
}

func (s *Service) decision(r *http.Request) (page, error) {
	q := r.URL.Query()
	ds, err := s.stories.Decision(r.Context(), q.Get("tenant"), q.Get("event"))
	if err != nil {
		return page{}, err
	}
	return page{Name: "decision", Title: "Decision", Data: ds}, nil
}

type deadPage struct {
	Letters []story.DeadLetter
	Reasons []story.DeadReason
	Reason  string
	Tenant  string
	Window  window
	Windows []window
}

func (s *Service) dead(r *http.Request) (page, error) {
	q := r.URL.Query()
	d := deadPage{Reason: q.Get("reason"), Tenant: q.Get("tenant"), Window: windowOf(r, "24h"), Windows: windows}
	since := s.now().Add(-d.Window.Span)
	var err error
	if d.Reasons, err = s.stories.DeadReasons(r.Context(), d.Tenant, since); err != nil {
		return page{}, err
	}
	if d.Letters, err = s.stories.DeadLetters(r.Context(), d.Tenant, d.Reason, since, 200); err != nil {
		return page{}, err
	}
	return page{Name: "dead", Title: "Dead letters", Data: d}, nil
}

func (s *Service) find(r *http.Request) (page, error) {
	q := r.URL.Query().Get("q")
	if q == "" {
		return page{To: "/"}, nil
	}
	found, err := s.stories.Find(r.Context(), q)
	if err != nil {
		return page{}, err
	}
	if len(found) == 1 {
		return page{To: foundLink(found[0])}, nil
	}
	return page{Name: "find", Title: "Search", Data: found}, nil
}

func foundLink(f story.Found) string {
	switch f.Kind {
	case "user":
		return link("/user", "tenant", f.Tenant, "id", f.ID)
	case "event":
		return link("/decision", "tenant", f.Tenant, "event", f.ID)
	}
	return link("/session", "tenant", f.Tenant, "id", f.ID)
}

// link is a path with query values; pairs are name, value.
func link(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
