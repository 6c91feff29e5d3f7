package natsjs

import (
	"encoding/json"
	"testing"
)

func FuzzPlainAck(f *testing.F) {
	for _, s := range []string{`{"stream":"RISKD_JOURNAL_3", "seq":17}`, `{"stream":"S","seq":1844674407370955161}`, `{"stream":"S","seq":18446744073709551615}`, `{"stream":"S", "seq":0}`,
		`{"stream":"S", "seq":017}`, `{"stream":"", "seq":1}`, `{"error":{"code":503,"err_code":10008}}`, `{"stream":"S", "seq":7, "duplicate":true}`, `{"stream":"S","seq":}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		seq, ok := plainAck(answer)
		if !ok {
			return
		}
		var ack struct {
			Error    any    `json:"error"`
			Stream   string `json:"stream"`
			Sequence uint64 `json:"seq"`
		}
		if err := json.Unmarshal(answer, &ack); err != nil || ack.Error != nil || ack.Stream == "" || ack.Sequence != seq {
			t.Fatalf("%q: read %d, the decoder %+v; %v", answer, seq, ack, err)
		}
	})
}
