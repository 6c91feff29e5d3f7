// Package signin says who sits in front of the console: local users of a file, or people an OpenID Connect provider
// vouches for, each with a role. A signed-in browser holds a sealed cookie; nothing about it is kept in the process
// but which cookies were signed out.
//
// A [Desk] is safe for concurrent use.
package signin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Role is what a person may do; each may do what those before it may.
type Role string

// The roles.
const (
	// Viewer sees overviews and lists, and stories of people.
	Viewer Role = "viewer"
	// Analyst may also give feedback, end challenges, revoke sessions and send dead letters again.
	Analyst Role = "analyst"
	// Admin may also read who looked at what.
	Admin Role = "admin"
)

// Roles from the least to the most.
var Roles = []Role{Viewer, Analyst, Admin}

// May tells whether a role includes another.
func (r Role) May(need Role) bool {
	have := slices.Index(Roles, r)
	return have >= 0 && have >= slices.Index(Roles, need)
}

// User is one line of the user file. The password itself is not kept.
type User struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
	// Hash is argon2id in its usual text: $argon2id$v=19$m=...,t=...,p=...$salt$hash.
	Hash string `json:"hash"`
	// Since is when the password was set; cookies that are older do not count.
	Since time.Time `json:"since"`
}

const (
	// MaxUsers bounds the file.
	MaxUsers = 4096
	maxName  = 128
	maxFile  = 4 << 20
)

// Errors of the user file.
var (
	ErrNoUser   = errors.New("no such user")
	ErrExists   = errors.New("the user exists already")
	ErrPassword = fmt.Errorf("a password has %d to %d characters", MinPassword, maxPassword)
)

// Users is the user file. Every call reads it when it changed, so that `riskctl console user` takes effect at once.
type Users struct {
	path string
	mu   sync.Mutex
	list []User
	at   time.Time
	size int64
}

// OpenUsers reads a user file; one that is not there has no users.
func OpenUsers(path string) (*Users, error) {
	u := &Users{path: path}
	_, err := u.All()
	return u, err
}

// All are the users, by name.
func (u *Users) All() ([]User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	info, err := os.Stat(u.path)
	if errors.Is(err, fs.ErrNotExist) {
		u.list, u.at, u.size = nil, time.Time{}, 0
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading console users: %w", err)
	}
	if info.ModTime().Equal(u.at) && info.Size() == u.size {
		return u.list, nil
	}
	list, err := readUsers(u.path)
	if err != nil {
		return nil, err
	}
	u.list, u.at, u.size = list, info.ModTime(), info.Size()
	return list, nil
}

// Find is one user by name.
func (u *Users) Find(name string) (User, error) {
	list, err := u.All()
	if err != nil {
		return User{}, err
	}
	if i := slices.IndexFunc(list, func(x User) bool { return x.Name == name }); i >= 0 {
		return list[i], nil
	}
	return User{}, fmt.Errorf("%w: %q", ErrNoUser, name)
}

func readUsers(path string) ([]User, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading console users: %w", err)
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("reading console users: %s has %d bytes, more than %d", path, len(raw), maxFile)
	}
	var file struct {
		Users []User `json:"users"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("reading console users: %s: %w", path, err)
	}
	if len(file.Users) > MaxUsers {
		return nil, fmt.Errorf("reading console users: more than %d", MaxUsers)
	}
	for i, x := range file.Users {
		if err := x.validate(); err != nil {
			return nil, fmt.Errorf("reading console users: number %d: %w", i+1, err)
		}
	}
	slices.SortFunc(file.Users, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return file.Users, nil
}

func (u User) validate() error {
	if err := validName(u.Name); err != nil {
		return err
	}
	if !slices.Contains(Roles, u.Role) {
		return fmt.Errorf("%s: role %q, want viewer, analyst or admin", u.Name, u.Role)
	}
	if !strings.HasPrefix(u.Hash, "$argon2id$") {
		return fmt.Errorf("%s: the hash is not argon2id", u.Name)
	}
	return nil
}

func validName(name string) error {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("%q is no user name: 1 to %d bytes without spaces", name, maxName)
	}
	return nil
}

// Put adds a user, or gives one that is there another role and password; add refuses those that are there. An empty
// password keeps the one that is.
func (u *Users) Put(name string, role Role, password string, add bool, now time.Time) error {
	return u.change(func(list []User) ([]User, error) {
		i := slices.IndexFunc(list, func(x User) bool { return x.Name == name })
		switch {
		case i >= 0 && add:
			return nil, fmt.Errorf("%w: %q", ErrExists, name)
		case i < 0 && !add:
			return nil, fmt.Errorf("%w: %q", ErrNoUser, name)
		case i < 0:
			list, i = append(list, User{Name: name}), len(list)
		}
		if role != "" {
			list[i].Role = role
		}
		if password != "" || add {
			if n := len([]rune(password)); n < MinPassword || n > maxPassword {
				return nil, ErrPassword
			}
			list[i].Hash, list[i].Since = Hash(password), now.UTC().Truncate(time.Second)
		}
		return list, list[i].validate()
	})
}

// Remove takes a user away; their cookies count no more.
func (u *Users) Remove(name string) error {
	return u.change(func(list []User) ([]User, error) {
		out := slices.DeleteFunc(slices.Clone(list), func(x User) bool { return x.Name == name })
		if len(out) == len(list) {
			return nil, fmt.Errorf("%w: %q", ErrNoUser, name)
		}
		return out, nil
	})
}

// change writes the file anew beside the old one and puts it in its place.
func (u *Users) change(edit func([]User) ([]User, error)) error {
	list, err := u.All()
	if err != nil {
		return err
	}
	if list, err = edit(slices.Clone(list)); err != nil {
		return err
	}
	body, err := json.MarshalIndent(map[string]any{"users": list}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing console users: %w", err)
	}
	if err := writeFile(u.path, append(body, '\n')); err != nil {
		return fmt.Errorf("writing console users: %w", err)
	}
	u.mu.Lock()
	u.at = time.Time{} // two writes within one tick of the file system's clock
	u.mu.Unlock()
	return nil
}

// writeFile replaces a file as a whole, readable by its owner only.
func writeFile(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".console-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(body)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
