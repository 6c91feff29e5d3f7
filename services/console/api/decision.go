package api

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/story"
)

// Origin is where an event came from; empty texts and zero are unknown.
type Origin struct {
	IP      string `json:"ip"`
	Country string `json:"country"`
	City    string `json:"city"`
	// Where and With are place, and browser on system, in words.
	Where   string `json:"where"`
	With    string `json:"with"`
	ASN     uint32 `json:"asn"`
	ASOrg   string `json:"asOrg"`
	Network string `json:"network"`
	Device  string `json:"device"`
}

func origin(o story.Origin) Origin {
	out := Origin{Country: o.Country, City: o.City, Where: story.Where(o), With: story.With(o), ASN: o.ASN, ASOrg: o.ASOrg, Network: o.Network, Device: o.Device}
	if o.IP.IsValid() {
		out.IP = o.IP.String()
	}
	return out
}

// Step is one bar of the waterfall: a part of the risk, with the sum before and after it.
type Step struct {
	Code  string `json:"code"`
	Title string `json:"title"`
	Words string `json:"words"`
	// Nats of evidence; negative speaks for the owner.
	Nats   float64 `json:"nats"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	// Risk 0..100 after this part. The last one is the decision's.
	Risk float64 `json:"risk"`
	// Inputs are the numbers the part was computed from, in their order.
	Inputs []Input `json:"inputs"`
}

// Input is one input of a part, as recorded.
type Input struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Decision is an event and what was concluded from it.
type Decision struct {
	// Key is unique and stable: partition.record.entry of the journal.
	Key     string `json:"key"`
	Tenant  string `json:"tenant"`
	EventID string `json:"eventId"`
	Source  string `json:"source"`
	Type    string `json:"type"`
	// Did says what the user did, EventAction is its code.
	Did         string  `json:"did"`
	EventAction string  `json:"eventAction"`
	Outcome     string  `json:"outcome"`
	Time        Moment  `json:"time"`
	DecidedAt   Moment  `json:"decidedAt"`
	LatencyMS   float64 `json:"latencyMs"`
	User        string  `json:"user"`
	Session     string  `json:"session"`

	Risk   float64 `json:"risk"`
	Level  string  `json:"level"`
	Action string  `json:"action"`
	// Headline is the reason in one line.
	Headline string  `json:"headline"`
	Travel   float64 `json:"travel"`
	NewDev   float64 `json:"newDevice"`
	Deviates float64 `json:"deviation"`
	// Steps is the waterfall; AddsUp tells whether its end is the stored risk to the last digit.
	Steps   []Step   `json:"steps"`
	AddsUp  bool     `json:"addsUp"`
	Unknown []string `json:"unknown"`

	Challenge string `json:"challenge"`
	State     string `json:"state"`
	Rule      string `json:"rule"`
	RuleWords string `json:"ruleWords"`
	Policy    string `json:"policy"`
	Baseline  string `json:"baseline"`
	Geo       string `json:"geo"`
	Engine    string `json:"engine"`

	Origin       Origin `json:"origin"`
	ResourceType string `json:"resourceType"`
	ResourceID   string `json:"resourceId"`
	Sensitivity  string `json:"sensitivity"`
}

// NewDecision is a decision with its evidence in words.
func NewDecision(d *story.Decision) Decision {
	out := Decision{
		Key: key(d.Position), Tenant: d.Tenant, EventID: d.EventID, Source: d.Source, Type: d.Type, Did: d.Did(), EventAction: d.EventAction, Outcome: d.Outcome,
		Time: Moment(d.Time), DecidedAt: Moment(d.DecidedAt), LatencyMS: millis(d.Latency), User: d.User, Session: d.Session,
		Risk: d.Risk, Level: d.Level, Action: d.Action, Headline: d.Headline(),
		Travel: d.Scores.ImpossibleTravel, NewDev: d.Scores.NewDevice, Deviates: d.Scores.Deviation,
		AddsUp: story.AddsUp(d.Risk, d.Parts), Unknown: list(d.Unknown), Challenge: d.Challenge, State: d.SessionState, Rule: d.Rule,
		Policy: d.Policy, Baseline: d.Baseline, Geo: d.Geo, Engine: d.Engine, Origin: origin(d.Origin),
		ResourceType: d.ResourceType, ResourceID: d.ResourceID, Sensitivity: d.Sensitivity,
	}
	if d.Rule != "" {
		out.RuleWords = story.Rule(d.Rule)
	}
	inputs := map[string][]Input{}
	for _, p := range d.Parts {
		for _, in := range p.Detail {
			v := in.Text
			if !in.IsText {
				v = trimmed(in.Number)
			}
			inputs[p.Code] = append(inputs[p.Code], Input{Key: in.Key, Value: v})
		}
	}
	for _, s := range story.Waterfall(d.Parts) {
		out.Steps = append(out.Steps, Step{Code: s.Code, Title: s.Title, Words: s.Words, Nats: s.Nats, Before: s.Before, After: s.After, Risk: s.Risk, Inputs: list(inputs[s.Code])})
	}
	out.Steps = list(out.Steps)
	return out
}

// Row is a decision in a list: what fits into a line.
type Row struct {
	Key         string  `json:"key"`
	Tenant      string  `json:"tenant"`
	EventID     string  `json:"eventId"`
	Did         string  `json:"did"`
	Time        Moment  `json:"time"`
	DecidedAt   Moment  `json:"decidedAt"`
	User        string  `json:"user"`
	Session     string  `json:"session"`
	Risk        float64 `json:"risk"`
	Level       string  `json:"level"`
	Action      string  `json:"action"`
	Headline    string  `json:"headline"`
	Where       string  `json:"where"`
	ASOrg       string  `json:"asOrg"`
	Network     string  `json:"network"`
	With        string  `json:"with"`
	Sensitivity string  `json:"sensitivity"`
}

// NewRow is a decision as one line.
func NewRow(d *story.Decision) Row {
	return Row{
		Key: key(d.Position), Tenant: d.Tenant, EventID: d.EventID, Did: d.Did(), Time: Moment(d.Time), DecidedAt: Moment(d.DecidedAt), User: d.User, Session: d.Session,
		Risk: d.Risk, Level: d.Level, Action: d.Action, Headline: d.Headline(), Where: story.Where(d.Origin), ASOrg: d.Origin.ASOrg, Network: d.Origin.Network,
		With: story.With(d.Origin), Sensitivity: d.Sensitivity,
	}
}

// Rows are decisions as lines.
func Rows(ds []story.Decision) []Row { return each(ds, NewRow) }

// Decisions are decisions with their evidence.
func Decisions(ds []story.Decision) []Decision { return each(ds, NewDecision) }

func key(p story.Position) string {
	return strings.Join([]string{whole(uint64(p.Partition)), whole(p.Seq), whole(uint64(p.Idx))}, ".")
}
