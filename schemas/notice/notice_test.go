package notice_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/schemas"
	"github.com/riskd-io/riskd/schemas/notice"
)

func TestGoldenNoticesAreReadAndWrittenAlike(t *testing.T) {
	examples, err := schemas.Examples("notice")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		n, err := notice.Decode(e.Input)
		if (err != nil) != (e.Reason != "") {
			t.Errorf("%s: got %v, want reason %q", e.Name, err, e.Reason)
		}
		if err != nil {
			continue
		}
		got, err := n.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, e.Input); err != nil {
			t.Fatal(err)
		}
		if string(got) != want.String() {
			t.Errorf("%s\ngot  %s\nwant %s", e.Name, got, want.String())
		}
	}
}

func TestNoticesThatAreTooLongAreNotWritten(t *testing.T) {
	n := notice.Notice{ID: "0:1:0", Tenant: "acme", Rule: "x", ReasonAnalyst: strings.Repeat("a", notice.MaxBytes)}
	if _, err := n.Encode(); err == nil {
		t.Error("written")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"0:1:0","tenant_id":"acme","rule":"x","time":"2026-11-23T12:00:00Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := notice.Decode(data)
		if err != nil {
			return
		}
		if again, err := n.Encode(); err == nil {
			if _, err := notice.Decode(again); err != nil {
				t.Errorf("read, written, not read again: %v", err)
			}
		}
	})
}
