package api

import (
	"math"
	"time"

	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/story"
)

// Policies is what there is of policies, and what was done with them, the newest first.
type Policies struct {
	Versions  []PolicyVersion `json:"versions"`
	Changes   []PolicyChange  `json:"changes"`
	TwoPerson bool            `json:"twoPerson"`
	Revision  uint64          `json:"revision"`
	Tried     []Rule          `json:"tried"`
	AsOf      Moment          `json:"asOf"`
}

// PolicyVersion is one stored policy; Share is what it judges of its tenant's users, percent.
type PolicyVersion struct {
	Tenant   string  `json:"tenant"`
	Version  string  `json:"version"`
	Author   string  `json:"author"`
	Reason   string  `json:"reason"`
	Evidence string  `json:"evidence"`
	PushedAt Moment  `json:"pushedAt"`
	Approver string  `json:"approver"`
	Share    float64 `json:"share"`
}

// PolicyChange is one entry of the log.
type PolicyChange struct {
	N       uint64  `json:"n"`
	Kind    string  `json:"kind"`
	At      Moment  `json:"at"`
	Author  string  `json:"author"`
	Reason  string  `json:"reason"`
	Tenant  string  `json:"tenant"`
	Version string  `json:"version"`
	Share   float64 `json:"share"`
}

// maxChanges is how many entries a page shows.
const maxChanges = 100

// NewPolicies words a state.
func NewPolicies(s *policylog.State, hits []story.RuleHits, now time.Time) Policies {
	p := Policies{TwoPerson: s.TwoPerson, Revision: s.Revision, Versions: []PolicyVersion{}, Changes: []PolicyChange{}, Tried: []Rule{}, AsOf: When(now)}
	for _, v := range s.Versions() {
		share := 0.0
		if a := s.Active(v.Tenant); a != nil {
			switch {
			case a.Version == v.Version:
				share = a.Share
			case a.Rest == v.Version && a.Share < 100:
				share = 100 - a.Share
			}
		}
		p.Versions = append(p.Versions, PolicyVersion{v.Tenant, v.Version, v.Author, v.Reason, v.Evidence, When(v.PushedAt), v.Approver, share})
	}
	for i := len(s.Changes) - 1; i >= 0 && len(p.Changes) < maxChanges; i-- {
		c := &s.Changes[i]
		p.Changes = append(p.Changes, PolicyChange{c.N, string(c.Kind), When(c.At), c.Author, c.Reason, c.Tenant, c.Version, c.Share})
	}
	for _, r := range NewRules(hits) {
		if r.Tried {
			p.Tried = append(p.Tried, r)
		}
	}
	return p
}

// PolicyText is one version and how it differs from another.
type PolicyText struct {
	Tenant  string `json:"tenant"`
	Version string `json:"version"`
	Text    string `json:"text"`
	// Against is what it is compared with; empty: nothing, and no lines.
	Against string     `json:"against"`
	Lines   []DiffLine `json:"lines"`
}

// DiffLine is one line: kind is "same", "old" or "new".
type DiffLine struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// NewDiff words a difference.
func NewDiff(lines []policylog.Line) []DiffLine {
	kinds := map[byte]string{' ': "same", '-': "old", '+': "new"}
	return each(lines, func(l *policylog.Line) DiffLine { return DiffLine{kinds[l.Kind], l.Text} })
}

// PolicyDeed is what somebody does with policies: push (Text), approve, activate (Share) or rollback.
type PolicyDeed struct {
	Do      string  `json:"do"`
	Tenant  string  `json:"tenant"`
	Version string  `json:"version"`
	Text    string  `json:"text"`
	Share   float64 `json:"share"`
	Reason  string  `json:"reason"`
}

// Calibration is the reliability curve.
type Calibration struct {
	Steps   []CalibrationStep `json:"steps"`
	Tenants []string          `json:"tenants"`
	AsOf    Moment            `json:"asOf"`
}

// CalibrationStep is what the risk said, and what was; percent. Low and High are where the true share lies with 95 % confidence.
type CalibrationStep struct {
	From        int64   `json:"from"`
	Known       int64   `json:"known"`
	Attacks     int64   `json:"attacks"`
	Said        float64 `json:"said"`
	Was         float64 `json:"was"`
	Low         float64 `json:"low"`
	High        float64 `json:"high"`
	ByChallenge int64   `json:"byChallenge"`
	ByLabel     int64   `json:"byLabel"`
}

// NewCalibration words the steps.
func NewCalibration(steps []story.Calibration) []CalibrationStep {
	return each(steps, func(c *story.Calibration) CalibrationStep {
		low, high := wilson(float64(c.Attacks), float64(c.Known))
		return CalibrationStep{int64(c.From), int64(c.Known), int64(c.Attacks), c.Said, c.Was, low, high, int64(c.ByChallenge), int64(c.ByLabel)}
	})
}

// wilson is Wilson's interval of 95 % for a share of k in n, percent: it holds for few, and for none or all of them, too.
func wilson(k, n float64) (low, high float64) {
	const z = 1.96
	if n == 0 {
		return 0, 100
	}
	p, d := k/n, 1+z*z/n
	middle, half := (p+z*z/(2*n))/d, z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))/d
	return max(0, 100*(middle-half)), min(100, 100*(middle+half))
}
