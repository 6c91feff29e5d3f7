package sdk

import (
	"encoding/json"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// jsonEvent is a CloudEvent in structured JSON, as the gateway takes it.
type jsonEvent struct {
	SpecVersion string   `json:"specversion"`
	ID          string   `json:"id"`
	Source      string   `json:"source"`
	Type        string   `json:"type"`
	Time        string   `json:"time"`
	ContentType string   `json:"datacontenttype"`
	Data        jsonData `json:"data"`
}

type jsonData struct {
	Tenant      string            `json:"tenant_id"`
	User        jsonUser          `json:"user"`
	Session     *jsonSession      `json:"session,omitempty"`
	Device      *jsonDevice       `json:"device,omitempty"`
	Network     *jsonNetwork      `json:"network,omitempty"`
	HTTP        *jsonHTTP         `json:"http,omitempty"`
	Action      string            `json:"action"`
	Resource    *jsonResource     `json:"resource,omitempty"`
	Outcome     string            `json:"outcome"`
	Count       uint32            `json:"count,omitempty"`
	Bytes       uint64            `json:"bytes,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	ChallengeID string            `json:"challenge_id,omitempty"`
	Reason      string            `json:"reason,omitempty"`
	Enforcement *jsonEnforcement  `json:"enforcement,omitempty"`
}

type (
	jsonUser struct {
		ID   string `json:"id"`
		Kind string `json:"kind,omitempty"`
	}
	jsonSession struct {
		ID       string   `json:"id,omitempty"`
		AuthTime string   `json:"auth_time,omitempty"`
		ACR      string   `json:"acr,omitempty"`
		AMR      []string `json:"amr,omitempty"`
	}
	jsonDevice struct {
		ID string `json:"id"`
	}
	jsonNetwork struct {
		IP  string `json:"ip,omitempty"`
		RTT uint32 `json:"rtt_ms,omitempty"`
	}
	jsonHTTP struct {
		UserAgent string `json:"user_agent"`
	}
	jsonResource struct {
		Type        string `json:"type,omitempty"`
		ID          string `json:"id,omitempty"`
		Sensitivity string `json:"sensitivity,omitempty"`
	}
	jsonEnforcement struct {
		Route  string `json:"route"`
		Result string `json:"result"`
		SDK    string `json:"sdk"`
	}
)

// appendJSON appends ev as one CloudEvent.
func appendJSON(dst []byte, ev *riskdv1.Event) ([]byte, error) {
	d := jsonData{
		Tenant: ev.TenantId, User: jsonUser{ID: ev.User.Id, Kind: ev.User.Kind}, Action: ev.Action, Outcome: ev.Outcome,
		Count: ev.Count, Bytes: ev.Bytes, Attributes: ev.Attributes, ChallengeID: ev.ChallengeId, Reason: ev.Reason,
	}
	if s := ev.Session; s != nil {
		d.Session = &jsonSession{ID: s.Id, ACR: s.Acr, AMR: s.Amr}
		if s.AuthTimeMs != 0 {
			d.Session.AuthTime = rfc3339(s.AuthTimeMs)
		}
	}
	if ev.Device != nil {
		d.Device = &jsonDevice{ev.Device.Id}
	}
	if n := ev.Network; n != nil {
		d.Network = &jsonNetwork{n.Ip, n.RttMs}
	}
	if ev.Http != nil {
		d.HTTP = &jsonHTTP{ev.Http.UserAgent}
	}
	if r := ev.Resource; r != nil {
		d.Resource = &jsonResource{r.Type, r.Id, r.Sensitivity}
	}
	if e := ev.Enforcement; e != nil {
		d.Enforcement = &jsonEnforcement{e.Route, e.Result, e.Sdk}
	}
	out, err := json.Marshal(jsonEvent{
		SpecVersion: "1.0", ID: ev.Id, Source: ev.Source, Type: ev.Type, Time: rfc3339(ev.TimeMs),
		ContentType: "application/json", Data: d,
	})
	return append(dst, out...), err
}

// rfc3339 writes event time in UTC with its milliseconds.
func rfc3339(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
