package service_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/service"
)

type settings struct {
	fs     *flag.FlagSet
	listen string
	grace  time.Duration
	key    service.Secret
}

func newSettings() *settings {
	s := &settings{fs: flag.NewFlagSet("riskd", flag.ContinueOnError), key: "built-in"}
	s.fs.SetOutput(io.Discard)
	s.fs.StringVar(&s.listen, "gateway-listen", "default:1", "where")
	s.fs.DurationVar(&s.grace, "grace", time.Second, "how long")
	s.fs.Var(&s.key, "key", "secret")
	return s
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "riskd.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsBeatEnvironmentBeatsFileBeatsDefaults(t *testing.T) {
	path := file(t, "gateway:\n  listen: file:1\n")
	for _, c := range []struct {
		name string
		args []string
		env  string
		want string
	}{
		{"nothing said", nil, "", "default:1"},
		{"the file says", []string{"-config", path}, "", "file:1"},
		{"the environment says more", []string{"-config", path}, "env:1", "env:1"},
		{"the flag has the last word", []string{"-config", path, "-gateway-listen", "flag:1"}, "env:1", "flag:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("RISKD_GATEWAY_LISTEN", c.env)
			}
			s := newSettings()
			if err := service.ParseSettings(s.fs, c.args); err != nil || s.listen != c.want {
				t.Errorf("listen = %q, %v; want %q", s.listen, err, c.want)
			}
		})
	}
}

func TestWhatIsNotKnownIsAnError(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"a flag", []string{"-gatewey-listen", "x"}, "gatewey-listen"},
		{"a key of the file", []string{"-config", file(t, "gateway:\n  lisen: x\n")}, "gateway-lisen"},
		{"a stray argument", []string{"start"}, `unexpected argument "start"`},
		{"a value of another type", []string{"-grace", "soon"}, "grace"},
		{"a file that is not there", []string{"-config", "/nonexistent.yaml"}, "nonexistent.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := service.ParseSettings(newSettings().fs, c.args); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseSettings(%v) = %v; want an error with %q", c.args, err, c.want)
			}
		})
	}
}

func TestMisspeltVariablesAreFound(t *testing.T) {
	got := service.UnknownEnv(newSettings().fs, []string{"RISKD_GATEWEY_LISTEN=x", "RISKD_GRACE=1s", "RISKD_LIBCHDB=/x", "HOME=/"}, "RISKD_LIBCHDB")
	if want := []string{"RISKD_GATEWEY_LISTEN"}; !slices.Equal(got, want) {
		t.Errorf("UnknownEnv = %v; want %v", got, want)
	}
}

func TestPrintedSettingsReadBackAndKeepSecrets(t *testing.T) {
	s := newSettings()
	if err := service.ParseSettings(s.fs, []string{"-gateway-listen", "host:9", "-grace", "90s", "-key", "hunter2"}); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := service.PrintSettings(&out, s.fs); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Fatalf("the secret was printed:\n%s", &out)
	}
	again := newSettings()
	if err := service.ParseSettings(again.fs, []string{"-config", file(t, out.String())}); err != nil {
		t.Fatalf("printed settings do not read back: %v\n%s", err, &out)
	}
	if again.listen != s.listen || again.grace != s.grace {
		t.Errorf("read back %q %s; want %q %s", again.listen, again.grace, s.listen, s.grace)
	}
}

func TestASecretNeverPrints(t *testing.T) {
	const plain = "hunter2"
	secret := service.Secret(plain)
	var out strings.Builder
	fmt.Fprintf(&out, "%v %s %+v %#v %q %v\n", secret, secret, secret, secret, secret, struct{ S service.Secret }{secret})
	if err := json.NewEncoder(&out).Encode(map[string]any{"key": secret}); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", secret, "in", struct{ S service.Secret }{secret})
	if strings.Contains(out.String(), plain) {
		t.Errorf("the secret was printed:\n%s", &out)
	}
	if secret.Reveal() != plain {
		t.Errorf("Reveal = %q; want %q", secret.Reveal(), plain)
	}
	if got := service.RedactURL("nats://u:hunter2@h:4222"); strings.Contains(got, plain) || !strings.Contains(got, "h:4222") {
		t.Errorf("RedactURL = %q", got)
	}
}
