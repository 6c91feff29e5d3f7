package natsjs

import (
	"errors"
	"testing"
	"time"

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
		want error
	}{
		{nil, nil}, {&jetstream.ClusterInfo{Replicas: heard(0, 0).Replicas}, errNoLeader}, {heard(), nil}, {heard(time.Second, time.Second), nil}, {heard(unheard, time.Second), nil}, {heard(0, 0, unheard, unheard), nil},
		{heard(unheard, unheard), errAlone}, {heard(unheard), errAlone}, {heard(0, unheard, unheard, unheard), errAlone},
	} {
		if got := inTouch(c.of); !errors.Is(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.of, got, c.want)
		}
	}
}
