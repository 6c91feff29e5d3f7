package baseline

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Document is the JSON form. All numbers are shares of 1; lists need not add up to 1, what is missing
// belongs to values not listed.
type Document struct {
	// Version names the artefact in decisions, such as "2026-11-20".
	Version string `json:"version"`
	// Source says in words where the numbers come from.
	Source string `json:"source"`
	// Countries by ISO 3166-1 alpha-2 code: share of events.
	Countries map[string]float64 `json:"countries"`
	// ASN, Prefix and Host: the typical share of one network inside its country, of one /24 or /48 inside
	// its network, of one address (IPv6: /64) inside its prefix.
	ASN    float64 `json:"asn_in_country"`
	Prefix float64 `json:"prefix_in_asn"`
	Host   float64 `json:"host_in_prefix"`
	// ASNs lists shares inside their country for networks that are known, by number.
	ASNs map[string]float64 `json:"asns,omitempty"`
	// Classes: desktop, phone, tablet, bot, other.
	Classes map[string]float64 `json:"classes"`
	// Systems by class, then browsers by system: shares inside the coarser value.
	Systems  map[string]map[string]float64 `json:"systems"`
	Browsers map[string]map[string]float64 `json:"browsers"`
	// Major is the typical share of one browser version inside its browser.
	Major float64 `json:"major_in_browser"`
	// Weekday and Weekend: share of each local hour of the day, 24 each.
	Weekday []float64 `json:"weekday_hours"`
	Weekend []float64 `json:"weekend_hours"`
	// Actions by name: share of events.
	Actions map[string]float64 `json:"actions"`
	// MissingToken is how often legitimate events carry no device token that was seen before.
	MissingToken float64 `json:"missing_token"`
	// Groups are the baselines of single tenants, by name, where what is usual differs: complete documents without groups of
	// their own. Their version is that of the whole.
	Groups map[string]Document `json:"groups,omitempty"`
}

// maxGroups bounds Groups.
const maxGroups = 10_000

// Parse reads and checks a document. Unknown keys are errors.
func Parse(data []byte) (*Baseline, error) {
	b := empty()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b.doc); err != nil {
		return nil, fmt.Errorf("parsing baseline: %w", err)
	}
	if err := b.build(); err != nil {
		return nil, fmt.Errorf("parsing baseline %q: %w", b.doc.Version, err)
	}
	return b, nil
}

func empty() *Baseline {
	return &Baseline{asns: map[uint32]float64{}, actions: map[uint32]float64{}}
}

func (b *Baseline) build() error {
	d := &b.doc
	var errs []error
	share := func(name string, v float64) float64 {
		if !(v > 0 && v <= 1) {
			errs = append(errs, fmt.Errorf("%s is %v, want more than 0 and at most 1", name, v))
		}
		return v
	}
	if d.Version == "" {
		errs = append(errs, errors.New("version is missing"))
	}
	share("asn_in_country", d.ASN)
	share("prefix_in_asn", d.Prefix)
	share("host_in_prefix", d.Host)
	share("major_in_browser", d.Major)
	share("missing_token", d.MissingToken)
	for i := range b.countries {
		b.countries[i] = rareCountry
	}
	for _, code := range keys(d.Countries) {
		v := d.Countries[code]
		key := profile.Country(code)
		if key == 0 {
			errs = append(errs, fmt.Errorf("countries: %q is not an ISO 3166-1 alpha-2 code", code))
			continue
		}
		b.countries[countryIndex(key)] = share("countries: "+code, v)
	}
	for _, n := range keys(d.ASNs) {
		v := d.ASNs[n]
		asn, err := strconv.ParseUint(n, 10, 32)
		if err != nil {
			errs = append(errs, fmt.Errorf("asns: %q is not a number", n))
		}
		b.asns[uint32(asn)] = share("asns: "+n, v)
	}
	for _, name := range keys(d.Actions) {
		v := d.Actions[name]
		b.actions[profile.Hash32(name)] = share("actions: "+name, v)
	}
	agents := map[uint32]float64{}
	for _, name := range keys(d.Classes) {
		v := d.Classes[name]
		agents[profile.Hash32(name)] = share("classes: "+name, v)
	}
	for _, class := range keys(d.Systems) {
		of := d.Systems[class]
		for _, name := range keys(of) {
			v := of[name]
			agents[profile.Mix32(profile.Hash32(class), profile.Hash32(name))] = share("systems: "+name, v)
		}
	}
	for _, system := range keys(d.Browsers) {
		of := d.Browsers[system]
		for _, name := range keys(of) {
			v := of[name]
			agents[profile.Mix32(profile.Hash32(system), profile.Hash32(name))] = share("browsers: "+name, v)
		}
	}
	b.agents = tabulate(agents)
	for i, list := range [][]float64{d.Weekday, d.Weekend} {
		if len(list) != 24 {
			errs = append(errs, fmt.Errorf("hours: %d values, want 24", len(list)))
			continue
		}
		sum := 0.0
		for _, v := range list {
			sum += share("hours", v)
		}
		for h, v := range list {
			b.hours[i][h] = v / sum
		}
	}
	if len(d.Groups) > maxGroups {
		return errors.Join(append(errs, fmt.Errorf("groups: %d, want at most %d", len(d.Groups), maxGroups))...)
	}
	for _, tenant := range keys(d.Groups) {
		group := empty()
		group.doc = d.Groups[tenant]
		group.doc.Version = d.Version
		if group.doc.Groups != nil {
			errs = append(errs, fmt.Errorf("groups: %s: has groups of its own", tenant))
			continue
		}
		if err := group.build(); err != nil {
			errs = append(errs, fmt.Errorf("groups: %s: %w", tenant, err))
		}
		if b.groups == nil {
			b.groups = map[string]*Baseline{}
		}
		b.groups[tenant] = group
	}
	return errors.Join(errs...)
}

// keys walks a map in a fixed order, so that errors come out the same on every run.
func keys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
