package signin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheUserFileHoldsNoPasswordAndIsTheOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "users.json")
	u, err := OpenUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Put("ann", Admin, secret, true, time.Now()); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(raw), secret) || !strings.Contains(string(raw), "$argon2id$v=19$m=65536,t=3,p=1$") {
		t.Errorf("%v: %s", err, raw)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if again, err := OpenUsers(path); err != nil {
		t.Error(err)
	} else if x, err := again.Find("ann"); err != nil || x.Role != Admin || !matches(x.Hash, secret) || matches(x.Hash, secret+"x") {
		t.Errorf("%+v, %v", x, err)
	}
}

func TestWhatMakesNoUserIsRefused(t *testing.T) {
	u, err := OpenUsers(filepath.Join(t.TempDir(), "users.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Put("ann", Viewer, secret, true, time.Now()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"a short password":      {u.Put("bob", Viewer, "short", true, time.Now()), "12 to 256"},
		"no password":           {u.Put("bob", Viewer, "", true, time.Now()), "12 to 256"},
		"no such role":          {u.Put("bob", "root", secret, true, time.Now()), "viewer, analyst or admin"},
		"a name with a space":   {u.Put("bob b", Viewer, secret, true, time.Now()), "no user name"},
		"one that is there":     {u.Put("ann", Viewer, secret, true, time.Now()), "exists already"},
		"one that is not there": {u.Put("bob", Viewer, "", false, time.Now()), "no such user"},
		"removing nobody":       {u.Remove("bob"), "no such user"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, c.err, c.want)
		}
	}
	if list, _ := u.All(); len(list) != 1 {
		t.Errorf("%d users", len(list))
	}
}

func TestABrokenUserFileIsAnErrorAndNotAnEmptyOne(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "{", "no such role": `{"users":[{"name":"a","role":"root","hash":"$argon2id$"}]}`, "a plain password": `{"users":[{"name":"a","role":"admin","hash":"secret"}]}`,
	} {
		path := filepath.Join(t.TempDir(), "users.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenUsers(path); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestHashesWithSillyParametersMatchNothing(t *testing.T) {
	for _, h := range []string{"", "$argon2id$", "$argon2i$v=19$m=65536,t=3,p=1$AAAA$AAAA", "$argon2id$v=19$m=99999999,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=65536,t=0,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=1,p=1$AAAA$", "$argon2id$v=18$m=64,t=1,p=1$AAAA$AAAA"} {
		if matches(h, "") {
			t.Errorf("%q matches", h)
		}
	}
}

func TestANewInstallationHasAFirstUserOnce(t *testing.T) {
	f := FilesIn(t.TempDir())
	made, err := First(f, time.Now())
	if err != nil || !made {
		t.Fatal(made, err)
	}
	password, err := os.ReadFile(f.Password)
	if err != nil {
		t.Fatal(err)
	}
	u, err := OpenUsers(f.Users)
	if err != nil {
		t.Fatal(err)
	}
	if x, err := u.Find(FirstUser); err != nil || x.Role != Admin || !matches(x.Hash, strings.TrimSpace(string(password))) {
		t.Errorf("%+v, %v", x, err)
	}
	if made, err := First(f, time.Now()); made || err != nil {
		t.Errorf("again: %v, %v", made, err)
	}
	key, err := Key(f.Key)
	if err != nil || len(key) != keyBytes {
		t.Fatal(err)
	}
	if again, err := Key(f.Key); err != nil || string(again) != string(key) {
		t.Errorf("the key changed: %v", err)
	}
	if err := os.WriteFile(f.Key, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Key(f.Key); err == nil {
		t.Error("a key that is too short was taken")
	}
	if _, err := u.Find("nobody"); !errors.Is(err, ErrNoUser) {
		t.Error(err)
	}
}

func FuzzSealedText(f *testing.F) {
	s, err := newSeal(testKey)
	if err != nil {
		f.Fatal(err)
	}
	good, _ := s.put("session", grant{ID: "a", Name: "ann"})
	f.Add(good)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		var g grant
		if s.get("session", text, &g) == nil && text != good {
			t.Errorf("%q was opened", text)
		}
	})
}
