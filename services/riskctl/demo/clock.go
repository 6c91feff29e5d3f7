package demo

import "time"

const (
	// activity of the people: fewer events per day, so that more days fit into the time.
	activity = 0.22
	// eventsPerDay of one person at that activity, measured; only used to plan.
	eventsPerDay = 9.0
	// historyShare of the time goes into the people's past.
	historyShare = 0.45
	liveDays     = 2
	// daySeconds is how long a day lasts when there is no end.
	daySeconds = 90
	// endlessLive is how many days are lived before event time has caught up, when there is no end.
	endlessLive = 28
	// endlessDays is how far a world without end is planned; nobody watches that long.
	endlessDays = 90
)

// clock maps the wall clock to event time. First comes a history, as fast as it goes; then the present, days
// compressed in time, until event time has caught up with the wall clock. Event time never passes it.
type clock struct {
	seconds   int
	start     time.Time // of the world
	liveStart time.Time
	worldEnd  time.Time
	begun     time.Time

	liveWall time.Time
	liveSim  int64
	speed    float64 // simulated per real time
}

func newClock(cfg *Config, now time.Time) clock {
	now = now.UTC().Truncate(time.Second)
	c := clock{seconds: cfg.Seconds, worldEnd: now}
	budget := 25 * float64(cfg.Rate) // events of history when there is no end
	live := endlessLive * 24 * time.Hour
	if cfg.Seconds > 0 {
		budget = historyShare * float64(cfg.Seconds) * float64(cfg.Rate) * 0.8
		live = liveDays * 24 * time.Hour
	} else {
		c.worldEnd = now.AddDate(0, 0, endlessDays)
	}
	days := min(max(int(budget/(eventsPerDay*float64(cfg.Users))), 3), 45)
	c.liveStart = now.Add(-live)
	c.start = c.liveStart.AddDate(0, 0, -days)
	return c
}

func (c *clock) begin(now time.Time) { c.begun = now }

// attackAfter is the share of the world's time without attackers: most of the history.
func (c *clock) attackAfter() float64 {
	return 0.8 * c.liveStart.Sub(c.start).Seconds() / c.worldEnd.Sub(c.start).Seconds()
}

// late: the machine is slower than planned, and the present has to begin.
func (c *clock) late(now time.Time) bool {
	return c.seconds > 0 && now.Sub(c.begun).Seconds() > 1.3*historyShare*float64(c.seconds)
}

func (c *clock) goLive(now time.Time, sim int64) {
	c.liveWall, c.liveSim = now, sim
	c.speed = 86400.0 / daySeconds
	if c.seconds > 0 {
		left := float64(c.seconds)*0.96 - now.Sub(c.begun).Seconds()
		c.speed = float64(c.worldEnd.UnixMilli()-sim) / 1000 / max(left, 1)
	}
}

// sim is the event time of this moment.
func (c *clock) sim(now time.Time) int64 {
	at := c.liveSim + int64(float64(now.Sub(c.liveWall).Milliseconds())*c.speed)
	return min(at, now.UnixMilli()-1000)
}

// caughtUp: event time has reached the wall clock, and goes on at its pace.
func (c *clock) caughtUp(now time.Time) bool {
	return !c.liveWall.IsZero() && now.UnixMilli()-c.sim(now) < 5000
}

// attacksPerKind keeps the view calm. A world without end has some of each kind a day.
func attacksPerKind(cfg *Config) int {
	if cfg.Seconds > 0 {
		return max(4, cfg.Users/250)
	}
	return endlessDays * max(2, cfg.Users/1000)
}
