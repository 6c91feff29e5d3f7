package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/signin"
)

func TestUsersOfTheConsoleAreAddedChangedAndRemoved(t *testing.T) {
	data := t.TempDir()
	ctl := func(in string, args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"console", "-data", data}, args...), streams{in: strings.NewReader(in), out: &out, err: &errs})
		return code, out.String(), errs.String()
	}
	for _, c := range []struct {
		name, in, args string
		code           int
		said           string
	}{
		{"a new one", "a password of hers\n", "-role analyst user add ann", exitOK, ""},
		{"the same again", "a password of hers\n", "-role analyst user add ann", exitError, "exists already"},
		{"without a role", "a password of hers\n", "user add bob", exitUsage, "-role"},
		{"without a password", "", "-role viewer user add bob", exitUsage, "-generate"},
		{"with a short one", "short\n", "-role viewer user add bob", exitError, "12 to 256"},
		{"another role", "", "-role admin user set ann", exitOK, ""},
		{"nobody", "", "-role admin user set eve", exitError, "no such user"},
		{"what is not there", "", "user rename ann", exitUsage, "no user rename"},
		{"nothing", "", "", exitUsage, "want user add"},
		{"a link before riskd was started", "", "link ann", exitError, "has not been started"},
	} {
		if code, _, said := ctl(c.in, strings.Fields(c.args)...); code != c.code || !strings.Contains(said, c.said) {
			t.Errorf("%s: %d %q; want %d %q", c.name, code, said, c.code, c.said)
		}
	}
	code, made, _ := ctl("", "-role", "viewer", "-generate", "user", "add", "carol")
	if code != exitOK || len(strings.TrimSpace(made)) < signin.MinPassword {
		t.Errorf("a made password: %d %q", code, made)
	}
	if _, out, _ := ctl("", "user", "list"); !strings.Contains(out, "ann") || !strings.Contains(out, "admin") || !strings.Contains(out, "carol") {
		t.Errorf("list: %q", out)
	}
	if _, err := signin.Key(signin.FilesIn(data).Key); err != nil {
		t.Fatal(err)
	}
	if code, out, said := ctl("", "-console-url", "http://localhost:9/", "link", "ann"); code != exitOK || !strings.HasPrefix(out, "http://localhost:9/signin/link?code=") {
		t.Errorf("link: %d %q %q", code, out, said)
	}
	if code, _, _ := ctl("", "user", "remove", "ann"); code != exitOK {
		t.Errorf("remove: %d", code)
	}
}
