package story

import (
	"testing"
	"unicode/utf8"
)

func FuzzParseDetail(f *testing.F) {
	for _, s := range []string{`{}`, ``, `{"km":9554.5,"from":"London, GB"}`, `{"a":null,"b":true}`, `{"a":[1]}`, `{"a":{}}`, `[1]`, `{"a":1`, `{"a"`, `nonsense`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ds, err := parseDetail(text)
		if err != nil {
			return
		}
		if len(ds) > maxDetails {
			t.Errorf("%d details", len(ds))
		}
		for _, d := range ds {
			if utf8.ValidString(text) && !utf8.ValidString(d.Key+d.Text) {
				t.Errorf("detail %+v is not text", d)
			}
		}
	})
}
