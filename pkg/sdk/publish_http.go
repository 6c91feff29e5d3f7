package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// maxBody is where a batch is cut; one event more may still go over it. Gateways usually take
	// more; one that does not is sent less.
	maxBody = 512 << 10
	// maxAnswer bounds what is read of the gateway's answer.
	maxAnswer = 1 << 20
	// maxRetryAfter bounds how long a gateway may send us away.
	maxRetryAfter = time.Minute
)

// httpTransport posts batches of CloudEvents to the gateway.
type httpTransport struct {
	base   *url.URL
	key    string
	client *http.Client
	limit  int // of a body, bytes
}

type gatewayAnswer struct {
	Results []struct {
		ID     string `json:"id"`
		Status string `json:"status"` // accepted, duplicate, invalid; anything else: try again
		Reason string `json:"reason"`
	} `json:"results"`
}

func (t *httpTransport) send(ctx context.Context, batch []*riskdv1.Event, fates []Fate) (time.Duration, error) {
	for at := 0; at < len(batch); {
		n, body := encodeBatch(batch[at:], fates[at:], t.limit)
		wait, err := t.post(ctx, body, batch[at:at+n], fates[at:at+n])
		if err != nil {
			return wait, err
		}
		at += n
	}
	return 0, nil
}

// encodeBatch writes as many events as fit. One that cannot be written is refused and left out.
func encodeBatch(batch []*riskdv1.Event, fates []Fate, limit int) (n int, body []byte) {
	body = append(body, '[')
	for ; n < len(batch); n++ {
		if n > 0 && len(body) > limit {
			break
		}
		before := len(body)
		if before > 1 {
			body = append(body, ',')
		}
		out, err := appendJSON(body, batch[n])
		if err != nil {
			fates[n] = Refused
			body = body[:before]
			continue
		}
		body = out
	}
	return n, append(body, ']')
}

func (t *httpTransport) post(ctx context.Context, body []byte, batch []*riskdv1.Event, fates []Fate) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base.String()+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/cloudevents-batch+json")
	req.Header.Set("User-Agent", Version)
	if t.key != "" {
		req.Header.Set("Authorization", "Bearer "+t.key)
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("posting events: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("reading the gateway's answer: %w", err)
	}

	var a gatewayAnswer
	if json.Unmarshal(answer, &a) == nil && len(a.Results) > 0 {
		return retryAfter(resp), judge(a, batch, fates)
	}
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		for i := range fates {
			if fates[i] == Unsent {
				fates[i] = Accepted
			}
		}
		return 0, nil
	case code == http.StatusRequestEntityTooLarge && len(batch) > 1:
		t.limit = max(len(body)/2, 1)
		return 0, fmt.Errorf("the gateway answers %s; smaller batches from now on", resp.Status)
	case code == http.StatusRequestEntityTooLarge, code == http.StatusBadRequest, code == http.StatusUnprocessableEntity:
		for i := range fates {
			fates[i] = Refused
		}
		return 0, fmt.Errorf("the gateway refuses: %s", resp.Status)
	default: // also 401 and 403: the key can be put right while events wait
		return retryAfter(resp), fmt.Errorf("the gateway answers %s", resp.Status)
	}
}

// judge reads the result per event, which comes in the order sent.
func judge(a gatewayAnswer, batch []*riskdv1.Event, fates []Fate) error {
	byID := make(map[string]int, len(batch))
	for i, ev := range batch {
		byID[ev.Id] = i
	}
	var last error
	for i, r := range a.Results {
		at, ok := byID[r.ID]
		if !ok {
			if r.ID != "" || i >= len(batch) {
				continue
			}
			at = i
		}
		switch r.Status {
		case "accepted":
			fates[at] = Accepted
		case "duplicate":
			fates[at] = Duplicate
		case "invalid":
			fates[at] = Refused
			last = fmt.Errorf("the gateway refuses an event: %s", r.Reason)
		default:
			last = fmt.Errorf("the gateway did not take an event: %s %s", r.Status, r.Reason)
		}
	}
	return last
}

// retryAfter reads the header in its seconds form, which is what riskd's gateway sends.
func retryAfter(resp *http.Response) time.Duration {
	s, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || s < 0 {
		return 0
	}
	return min(time.Duration(s)*time.Second, maxRetryAfter)
}
