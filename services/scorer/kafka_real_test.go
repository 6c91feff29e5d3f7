//go:build chaos

package scorer

import (
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/wire"
)

// The broker is killed, stopped and woken while workers are killed: what was decided is what one serial run decides.
func TestChaosOnApacheKafkaLosesAndDoublesNothing(t *testing.T) {
	const partitions, kills, events = 4, 6, 8000
	server := kafkatest.NewServer(t, t.TempDir())
	server.Start(t)
	t.Cleanup(server.Kill)
	evs := newWorld(12, 40).take(events)
	ref := foldSerially(t, evs)
	restarts, pauses := 0, 0
	got := decisionsOver(t, partitions, kills, evs, overKafka(t, []string{server.Addr}, partitions), func(n int) {
		switch n % 3 {
		case 1:
			server.Kill()
			server.Start(t)
			restarts++
		case 2:
			server.Pause()
			time.Sleep(3 * time.Second)
			server.Resume()
			pauses++
		}
	})
	lost, wrong := 0, 0
	for id, want := range ref.decisions {
		want.Geo = ""
		switch got[id] {
		case "":
			lost++
		case string(wire.AppendDecisionJSON(nil, want)):
		default:
			wrong++
		}
	}
	line := fmt.Sprintf("chaos: broker=kafka kills=%d restarts=%d pauses=%d events=%d lost=%d doubled=%d state_equal=%v ok=%v", kills, restarts, pauses,
		events, lost, len(got)-(len(ref.decisions)-lost), wrong == 0, lost == 0 && wrong == 0 && len(got) == len(ref.decisions) && !t.Failed())
	fmt.Println(line)
	if lost > 0 || wrong > 0 || len(got) != len(ref.decisions) {
		t.Error(line)
	}
}
