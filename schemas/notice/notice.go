// Package notice is what apps are told when a rule with the effect notify applied: nothing is asked of anybody and nothing is
// blocked; the app may tell the user, open a ticket, or leave it. A notice is JSON, with CloudEvents attributes in the headers.
package notice

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	// Type is the CloudEvents type of a notice, ContentType its payload's.
	Type        = "dev.riskd.notice.v1"
	ContentType = "application/json"
	// MaxBytes bounds a notice as it is written.
	MaxBytes = 64 << 10
)

// Notice tells that a rule applied to an event. The same ID is the same notice, however often it comes.
type Notice struct {
	// ID is its place in the ledger: partition, record, and number within the record.
	ID      string `json:"id"`
	Tenant  string `json:"tenant_id"`
	User    User   `json:"user"`
	Session string `json:"session_id,omitempty"`
	// EventID and Source name the event, Time is when it happened.
	EventID  string    `json:"event_id"`
	Source   string    `json:"event_source"`
	Time     time.Time `json:"time"`
	Action   string    `json:"action"`
	Resource Resource  `json:"resource"`
	// Rule that applied, in this version of the policy.
	Rule   string `json:"rule"`
	Policy string `json:"policy"`
	// Risk 0 to 100, and what was decided: allow, step_up or deny. Neither is for the user's eyes.
	Risk     float64 `json:"risk"`
	Decision string  `json:"decision"`
	// ReasonUser may be shown to the user, ReasonAnalyst never. Both are the rule's own words; empty when it has none.
	ReasonUser    string `json:"reason_user,omitempty"`
	ReasonAnalyst string `json:"reason_analyst,omitempty"`
}

// User is whose event it is.
type User struct {
	ID string `json:"id"`
}

// Resource is what the event was about.
type Resource struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
}

// Encode writes a notice.
func (n *Notice) Encode() ([]byte, error) {
	data, err := json.Marshal(n)
	if err == nil && len(data) > MaxBytes {
		err = fmt.Errorf("%d bytes, limit %d", len(data), MaxBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding notice: %w", err)
	}
	return data, nil
}

// Decode reads a notice. Fields that this version does not know are left out.
func Decode(data []byte) (*Notice, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("reading notice: %d bytes, limit %d", len(data), MaxBytes)
	}
	n := new(Notice)
	if err := json.Unmarshal(data, n); err != nil {
		return nil, fmt.Errorf("reading notice: %w", err)
	}
	if n.ID == "" || n.Tenant == "" || n.Rule == "" {
		return nil, errors.New("reading notice: id, tenant_id and rule are required")
	}
	return n, nil
}
