package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// overHTTP posts CloudEvents batches to the gateway.
type overHTTP struct {
	url, key string
	client   *http.Client
}

func (s *sending) openHTTP() (target, error) {
	file := s.keyFile
	if file == "" {
		file = filepath.Join(s.data, "gateway.key")
	}
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError("reading the gateway's API key (-key-file): %w", err)
	}
	return &overHTTP{strings.TrimSuffix(s.gateway, "/") + "/v1/events", strings.TrimSpace(string(key)), &http.Client{Timeout: putWait}}, nil
}

// batchBytes keeps one request well under the gateway's body limit.
const batchBytes = 512 << 10

func (o *overHTTP) put(ctx context.Context, evs []*riskdv1.Event) []outcome {
	out := make([]outcome, 0, len(evs))
	for len(evs) > 0 {
		body := []byte{'['}
		n := 0
		for n < len(evs) && len(body) < batchBytes {
			if n > 0 {
				body = append(body, ',')
			}
			body = wire.AppendEventJSON(body, evs[n])
			n++
		}
		got, err := o.post(ctx, append(body, ']'), n)
		if err != nil {
			got = make([]outcome, n)
			for i := range got {
				got[i].err = err
			}
		}
		out, evs = append(out, got...), evs[n:]
	}
	return out
}

func (o *overHTTP) spread() spread { return byRequest }

func (o *overHTTP) close() {}

// post sends one batch; it waits and repeats when the gateway is busy.
func (o *overHTTP) post(ctx context.Context, body []byte, n int) ([]outcome, error) {
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", wire.MediaBatch)
		req.Header.Set("Authorization", "Bearer "+o.key)
		res, err := o.client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("posting events: %w", err)
		}
		answer, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
		res.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("posting events: %w", err)
		}
		if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
			select {
			case <-time.After(pause):
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return readResults(res.Status, answer, n)
	}
}

func readResults(status string, answer []byte, n int) ([]outcome, error) {
	var doc struct {
		Results []struct {
			Status, Reason, Detail string
		}
		Title, Detail string
	}
	err := json.Unmarshal(answer, &doc)
	if err != nil || len(doc.Results) != n {
		return nil, fmt.Errorf("posting events: the gateway answered %s %s", status, strings.TrimSpace(doc.Title+" "+doc.Detail))
	}
	out := make([]outcome, n)
	for i, r := range doc.Results {
		switch r.Status {
		case "accepted":
		case "duplicate":
			out[i].duplicate = true
		case "invalid":
			out[i].invalid = strings.TrimSuffix(r.Reason+": "+r.Detail, ": ")
		default:
			out[i].err = fmt.Errorf("the gateway says %q", r.Status)
		}
	}
	return out, nil
}
