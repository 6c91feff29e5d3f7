package schemas_test

import (
	"encoding/json"
	"testing"

	"github.com/riskd-io/riskd/schemas"
)

func TestGoldenFilesHaveOneInputAndSayWhatTheyShow(t *testing.T) {
	for _, kind := range []string{"event", "decision", "signal", "notice"} {
		examples, err := schemas.Examples(kind)
		if err != nil {
			t.Fatal(err)
		}
		accepted, refused := 0, 0
		for _, e := range examples {
			if (e.Text == "") == (len(e.Input) == 0) {
				t.Errorf("%s/%s: want exactly one of input and text", kind, e.Name)
			}
			if e.About == "" {
				t.Errorf("%s/%s: about is empty", kind, e.Name)
			}
			if e.Reason == "" {
				accepted++
			} else {
				refused++
			}
			if e.Reason != "" && e.Canonical != nil {
				t.Errorf("%s/%s: refused input has no canonical form", kind, e.Name)
			}
		}
		if accepted == 0 || refused == 0 {
			t.Errorf("%s: got %d accepted and %d refused examples, want some of each", kind, accepted, refused)
		}
	}
	if _, err := schemas.Examples("nothing"); err == nil {
		t.Error("got no error for a kind without examples")
	}
}

func TestSchemasAreJSON(t *testing.T) {
	files, err := schemas.JSON.ReadDir("json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := schemas.JSON.ReadFile("json/" + f.Name())
		if err != nil || !json.Valid(raw) {
			t.Errorf("%s: not JSON (%v)", f.Name(), err)
		}
	}
}
