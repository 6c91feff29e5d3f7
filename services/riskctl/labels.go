package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/riskd-io/riskd/pkg/simulate"
)

// honest stands in the lines that riskctl simulate writes of events that are nobody's attack.
var honest = []byte(`"kind":"` + string(simulate.Honest) + `"`)

// readLabels reads which events were an attacker's, by id: those of another kind than honest.
func readLabels(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	attacks := map[string]string{}
	for l := newLineReader(f); ; {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return attacks, nil
		}
		if bytes.Contains(line, honest) { // nearly all are
			continue
		}
		var of struct{ ID, Kind string }
		if err == nil {
			err = json.Unmarshal(line, &of)
		}
		if err == nil && (of.ID == "" || of.Kind == "") {
			err = errors.New("want id and kind")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", l.number, err)
		}
		if of.Kind != string(simulate.Honest) {
			attacks[of.ID] = of.Kind
		}
	}
}
