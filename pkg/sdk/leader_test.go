package sdk

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestALeaderCountsWhileItHearsFromMoreThanHalf(t *testing.T) {
	heard := func(ago ...time.Duration) *jetstream.ClusterInfo {
		c := &jetstream.ClusterInfo{Leader: "n1"}
		for _, d := range ago {
			c.Replicas = append(c.Replicas, &jetstream.PeerInfo{Active: d})
		}
		return c
	}
	for _, c := range []struct {
		of   *jetstream.ClusterInfo
		want bool
	}{
		{nil, true},
		{&jetstream.ClusterInfo{Replicas: heard(0, 0).Replicas}, false},
		{heard(), true},
		{heard(time.Second, time.Second), true},
		{heard(unheard, time.Second), true},
		{heard(unheard, unheard), false},
		{heard(unheard), false}, // of two, one is not more than half
		{heard(0, 0, unheard, unheard), true},
		{heard(0, unheard, unheard, unheard), false},
	} {
		if got := inTouch(c.of); got != c.want {
			t.Errorf("%+v: got %v", c.of, got)
		}
	}
}

func TestOnlyALeadersAnswerIsOne(t *testing.T) {
	for answer, want := range map[string]bool{
		`{"state":{"last_seq":7}}`: true,
		`{"state":{"last_seq":7},"cluster":{"leader":"a","replicas":[{"name":"b","active":1000},{"name":"c","active":99000000000}]}}`:        true,
		`{"state":{"last_seq":7},"cluster":{"leader":"a","replicas":[{"name":"b","active":99000000000},{"name":"c","active":99000000000}]}}`: false,
		`{"state":{"last_seq":7},"cluster":{"replicas":[{"name":"b","active":1000},{"name":"c","active":1000}]}}`:                            false,
		`{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`:                                   false,
		`{"state":`: false,
	} {
		w := &watching{inquiry: inquiry{open: time.Now()}}
		if w.told([]byte(answer)); w.inquiry.open.IsZero() != want || (w.leader == 7) != want {
			t.Errorf("%s: asked since %s, leader at %d", answer, w.inquiry.open, w.leader)
		}
	}
}

func TestANodeIsLeftForWhatAnotherMayDoBetter(t *testing.T) {
	for _, c := range []struct {
		err          error
		first, again bool
	}{
		{errCutOff, true, true},
		{errSilence, false, true},
		{errBehind, false, true},
		{errGap, false, false},
		{context.DeadlineExceeded, false, true},
		{nats.ErrNoResponders, false, true},
		{nats.ErrDisconnected, false, false},
		{&jetstream.APIError{Code: 503}, false, true},
		{jetstream.ErrStreamNotFound, false, false}, // riskd is not there yet
		{errors.New("permissions"), false, false},
	} {
		for again, want := range map[bool]bool{false: c.first, true: c.again} {
			if got := useless(fmt.Errorf("watching: %w", c.err), again); got != want {
				t.Errorf("%v, again %v: got %v", c.err, again, got)
			}
		}
	}
}
