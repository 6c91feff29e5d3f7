package api

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write web/app/api.gen.ts anew")

func TestThePagesReadWhatTheServerWrites(t *testing.T) {
	path := filepath.Join("..", "web", "app", "api.gen.ts")
	if *update {
		if err := os.WriteFile(path, []byte(TypeScript()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != TypeScript() {
		t.Errorf("%s is stale: run `go test ./services/console/api -update`", path)
	}
}

// A struct that a shape refers to has to be a shape itself, and each field needs its name on the wire.
func TestEveryShapeIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, s := range shapes {
		listed[reflect.TypeOf(s).Name()] = true
	}
	for _, s := range shapes {
		typ := reflect.TypeOf(s)
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Tag.Get("json") == "" {
				t.Errorf("%s.%s has no name on the wire", typ.Name(), f.Name)
			}
			name := strings.NewReplacer("[]", "", " | null", "", "Record<string, ", "", ">", "").Replace(typescript(f.Type))
			switch name {
			case "Moment", "string", "boolean", "number":
			default:
				if !listed[name] {
					t.Errorf("%s.%s is a %s, which is not listed", typ.Name(), f.Name, name)
				}
			}
		}
	}
}

func TestMomentsAreUTCWithMillisecondsAndUnknownIsNull(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for want, at := range map[string]time.Time{
		"null":                       {},
		`"2026-11-20T12:24:00.500Z"`: time.Date(2026, 11, 20, 13, 24, 0, 500e6, berlin),
	} {
		b, err := Moment(at).MarshalJSON()
		if err != nil || string(b) != want {
			t.Errorf("%v: got %s (%v), want %s", at, b, err, want)
		}
		var back Moment
		if err := back.UnmarshalJSON(b); err != nil || !time.Time(back).Equal(at) {
			t.Errorf("%s: read back as %v (%v)", b, time.Time(back), err)
		}
	}
	if b, _ := Moment(time.Unix(0, 0)).MarshalJSON(); string(b) != "null" {
		t.Errorf("1970 is how the tables say unknown: got %s", b)
	}
}

func TestBytesThatAreNotTextAreShownAsEscapes(t *testing.T) {
	for in, want := range map[string]string{"plain\n": "plain\n", "\x00\xff": `\u{0}\xff`, "a\u202eb": `a\u{202e}b`, "é": "é"} {
		if got := Printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
