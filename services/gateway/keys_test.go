package gateway_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/services/gateway"
)

func TestTheFirstStartMakesAKeyThatOnlyItsOwnerCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "keys.json")
	keys, made, err := gateway.OpenKeys(path)
	if err != nil || !made || keys.Len() != 1 {
		t.Fatalf("got %v %v", made, err)
	}
	raw, err := os.ReadFile(gateway.KeyFile(path))
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.TrimSpace(string(raw))
	key := keys.Find(plain)
	if key == nil || !key.For("anyone") || !key.May(gateway.ScopePublish) || !key.May(gateway.ScopeRead) || key.May("admin") {
		t.Errorf("got %+v", key)
	}
	for _, p := range []string{path, gateway.KeyFile(path)} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v, %v", p, info.Mode(), err)
		}
	}
	if file, err := os.ReadFile(path); err != nil || strings.Contains(string(file), plain) {
		t.Error("the key file holds the key itself")
	}
	again, made, err := gateway.OpenKeys(path)
	if err != nil || made || again.Find(plain) == nil {
		t.Errorf("second start: got made %v, %v", made, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".keys-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestBadKeyFilesAreRefusedWithoutRepeatingHashes(t *testing.T) {
	_, hash := gateway.NewKey()
	good := `{"id":"a","hash":"` + hash + `","tenants":["*"],"scopes":["read"]}`
	for name, file := range map[string]string{
		"no JSON":       `{`,
		"unknown field": `{"keys":[],"more":1}`,
		"no id":         `{"keys":[` + strings.Replace(good, `"a"`, `""`, 1) + `]}`,
		"same id twice": `{"keys":[` + good + `,` + good + `]}`,
		"short hash":    `{"keys":[` + strings.Replace(good, hash, hash[:20], 1) + `]}`,
		"unknown scope": `{"keys":[` + strings.Replace(good, "read", "admin", 1) + `]}`,
		"no tenants":    `{"keys":[` + strings.Replace(good, `["*"]`, `[]`, 1) + `]}`,
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := gateway.OpenKeys(path)
		if err == nil {
			t.Errorf("%s: got no error", name)
		} else if strings.Contains(err.Error(), hash[:20]) {
			t.Errorf("%s: error repeats the hash: %v", name, err)
		}
	}
}

func TestAKeyTakenFromTheFileIsOutWithoutARestart(t *testing.T) {
	h := start(t, nil)
	old := h.all
	if r := h.post(old, ceJSON, event("1", "acme")); r.code != http.StatusAccepted {
		t.Fatalf("got %d", r.code)
	}
	h.writeKeys() // all keys are new
	natstest.Eventually(t, "the old key is refused", func() bool { return h.post(old, ceJSON, event("2", "acme")).code == http.StatusUnauthorized })
	if r := h.post(h.all, ceJSON, event("3", "acme")); r.code != http.StatusAccepted {
		t.Errorf("new key: got %d", r.code)
	}
	if err := os.WriteFile(h.keys, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, "the broken file is counted", func() bool { return h.count("riskd_gateway_key_reload_errors_total") > 0 })
	if r := h.post(h.all, ceJSON, event("4", "acme")); r.code != http.StatusAccepted {
		t.Errorf("with a broken file: got %d, want the keys in use to stay", r.code)
	}
}

func TestAWrongConfigurationNamesEveryFault(t *testing.T) {
	err := gateway.Config{}.Validate()
	for _, want := range []string{"listen", "max body", "streams", "burst", "times"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a word about %s", err, want)
		}
	}
	if err := gateway.DefaultConfig().Validate(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
	if _, err := gateway.New(gateway.DefaultConfig(), gateway.Deps{}); err == nil {
		t.Error("got a service without dependencies")
	}
}
