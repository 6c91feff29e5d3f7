package baseline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// Bounds of a [Builder].
const (
	// eachUser bounds how many events of one user count: a script must not set what is usual for people.
	eachUser = 1000
	// fewest users must share a value before it is listed: nobody is to be recognised in an artefact.
	fewest = 3
	// weight of the baseline one starts from, in events: with less history it speaks louder.
	weight = 500
	// userTokens bounds the device tokens remembered of a user.
	userTokens = 8
	// mostUsers bounds the users remembered; further ones do not count.
	mostUsers = 5_000_000
	// maxValues bounds distinct values of each sort; further ones count only in the total.
	maxValues = 50_000
)

// Builder makes a [Document] from an installation's own history. Add events in time order, of people and
// not in question; then Document. Not safe for concurrent use.
//
// Measured are countries, networks in their country, classes, systems, browsers, local hours, actions and missing device
// tokens. Shares of prefixes, hosts and versions stay those of the baseline it starts from: they hardly differ
// between installations.
type Builder struct {
	users map[string]*contributor

	events    int
	countries tally
	asns      map[string]*tally // by country
	classes   tally
	systems   map[string]*tally // by class
	browsers  map[string]*tally // by system
	actions   tally
	hours     [2][24]float64
	logins    float64
	missing   float64
}

// contributor is what is remembered of one user.
type contributor struct {
	id     uint32
	events int
	tokens []string
}

// NewBuilder has counted nothing yet.
func NewBuilder() *Builder {
	return &Builder{
		users: map[string]*contributor{},
		asns:  map[string]*tally{}, systems: map[string]*tally{}, browsers: map[string]*tally{},
	}
}

// Add counts one event. What is no activity of a person, failed logins and everything not allowed are passed over.
func (b *Builder) Add(ev *event.Event) {
	if ev.Type != event.Activity || ev.Outcome != event.Success || ev.User.Kind != event.Person {
		return
	}
	key := ev.Tenant + "\x00" + ev.User.ID
	u := b.users[key]
	if u == nil {
		if len(b.users) >= mostUsers {
			return
		}
		u = &contributor{id: uint32(len(b.users))}
		b.users[key] = u
	}
	login := ev.Action == "auth.login"
	known := ev.Device != "" && slices.Contains(u.tokens, ev.Device)
	if login && len(u.tokens) > 0 && u.events < eachUser {
		b.logins++
		if !known {
			b.missing++
		}
	}
	if ev.Device != "" && !known {
		if len(u.tokens) == userTokens {
			u.tokens = append(u.tokens[:0], u.tokens[1:]...)
		}
		u.tokens = append(u.tokens, ev.Device)
	}
	if u.events++; u.events > eachUser {
		return
	}
	b.events++
	b.actions.add(ev.Action, u.id)
	place := &ev.Network.Place
	if place.Country != "" {
		b.countries.add(place.Country, u.id)
		if ev.Network.ASN != 0 {
			under(b.asns, place.Country).add(strconv.FormatUint(uint64(ev.Network.ASN), 10), u.id)
		}
	}
	if a := &ev.Agent; a.Class != "" {
		b.classes.add(a.Class, u.id)
		if a.OS != "" {
			under(b.systems, a.Class).add(a.OS, u.id)
			under(b.browsers, a.OS).add(a.Browser, u.id)
		}
	}
	if place.Known {
		b.hour(ev.Time, place.Lon)
	}
}

// hour counts the hour by the sun, as the scorer reads it: 15 degrees of longitude are an hour.
func (b *Builder) hour(t event.Millis, lon float64) {
	if int64(t) < 86_400_000 {
		return // before any local time can be told
	}
	hours := (int64(t) + int64(lon*240_000)) / 3_600_000
	day := (hours/24 + 4) % 7 // 1970-01-01 was a Thursday; 0 is Sunday
	weekend := 0
	if day == 0 || day == 6 {
		weekend = 1
	}
	b.hours[weekend][hours%24]++
}

// Events and Users are how much has been counted.
func (b *Builder) Events() int { return b.events }

// Users is how many people contributed.
func (b *Builder) Users() int { return len(b.users) }

// Document is the baseline of what was added, valid for [Parse]. Where history is short, from speaks: mostly [Default], or for a
// group of users the baseline of all. The version names it in decisions; source says in words where the history comes from.
func (b *Builder) Document(from *Baseline, version, source string) (Document, error) {
	base := from.doc
	d := base
	d.Version, d.Groups = version, nil
	d.Source = fmt.Sprintf("%s: %d events of %d people, over %s", source, b.events, len(b.users), base.Version)
	d.Countries = b.countries.shares(base.Countries)
	d.Classes = b.classes.shares(base.Classes)
	d.Actions = b.actions.shares(base.Actions)
	d.Systems, d.Browsers = nested(b.systems, base.Systems), nested(b.browsers, base.Browsers)
	d.ASNs = b.networks(&base)
	for i, list := range []*[]float64{&d.Weekday, &d.Weekend} {
		*list = smoothHours(&b.hours[i], *list)
	}
	d.MissingToken = clamp((b.missing + weight/10*base.MissingToken) / (b.logins + weight/10))
	text, err := json.Marshal(d)
	if err != nil {
		return d, fmt.Errorf("building baseline: %w", err)
	}
	if _, err := Parse(text); err != nil {
		return d, fmt.Errorf("building baseline: %w", err)
	}
	return d, nil
}

// networks lists shares inside their country; a network in several countries has that of the one where it is seen most.
func (b *Builder) networks(from *Document) map[string]float64 {
	out, most := maps.Clone(from.ASNs), map[string]float64{}
	if out == nil {
		out = map[string]float64{}
	}
	for _, country := range keys(b.asns) {
		t := b.asns[country]
		for _, name := range keys(t.values) {
			if v := t.values[name]; len(v.seen) >= fewest && v.n > most[name] {
				most[name] = v.n
				out[name] = clamp((v.n + weight*from.ASN) / (t.total + weight))
			}
		}
	}
	return out
}

func smoothHours(counted *[24]float64, from []float64) []float64 {
	total, sum := 0.0, 0.0
	for h := range counted {
		total += counted[h]
		sum += from[h]
	}
	out := make([]float64, 24)
	for h := range out {
		out[h] = clamp((counted[h] + weight*from[h]/sum) / (total + weight))
	}
	return out
}
