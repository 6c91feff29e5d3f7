package gateway

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// Scopes of an API key.
const (
	// ScopePublish allows POST /v1/events.
	ScopePublish = "publish"
	// ScopeRead allows sessions and signals.
	ScopeRead = "read"
)

const (
	// MaxKeys bounds the key file.
	MaxKeys = 1024
	// maxKeyFile bounds its size, bytes.
	maxKeyFile = 1 << 20
	// maxKeyID bounds the id of a key, bytes.
	maxKeyID = 64
	// AnyTenant in a key's tenants stands for all of them.
	AnyTenant = "*"
	keyPrefix = "rk_"
)

// Key is one API key. The key itself is not kept, only its hash.
type Key struct {
	// ID names the key in logs, limits, and as the author of the reports that come by it ([KeyAttribute]). At most 64 bytes.
	ID string `json:"id"`
	// Hash is the SHA-256 of the key in hex. Keys are random, so a plain hash is enough.
	Hash string `json:"hash"`
	// Tenants it may speak for; "*" is all.
	Tenants []string `json:"tenants"`
	// Scopes are publish and read.
	Scopes []string `json:"scopes"`

	sum [sha256.Size]byte
}

// May tells whether the key has a scope.
func (k *Key) May(scope string) bool { return slices.Contains(k.Scopes, scope) }

// For tells whether the key may speak for a tenant.
func (k *Key) For(tenant string) bool {
	return slices.Contains(k.Tenants, AnyTenant) || slices.Contains(k.Tenants, tenant)
}

// Keys is the key file in memory. It is safe for concurrent use.
type Keys struct {
	path  string
	state atomic.Pointer[keyState]
}

type keyState struct {
	list []Key
	raw  []byte
}

// OpenKeys reads the key file. When there is none it makes one with a single new key for all
// tenants and scopes, and writes that key itself, readable by the owner only, to gateway.key
// beside it; made is then true.
func OpenKeys(path string) (k *Keys, made bool, err error) {
	k = &Keys{path: path}
	if _, err = k.Reload(); err == nil {
		return k, false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if err := createKeys(path); err != nil && !errors.Is(err, fs.ErrExist) { // another process was first
		return nil, false, err
	}
	if _, err := k.Reload(); err != nil {
		return nil, false, err
	}
	return k, true, nil
}

// NewKey makes a key and its hash.
func NewKey() (key, hash string) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	return key, HashKey(key)
}

// HashKey is the hash that stands for a key in the file.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func createKeys(path string) error {
	key, hash := NewKey()
	file := struct {
		Keys []Key `json:"keys"`
	}{[]Key{{ID: "first", Hash: hash, Tenants: []string{AnyTenant}, Scopes: []string{ScopePublish, ScopeRead}}}}
	body, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("making api keys: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making api keys: %w", err)
	}
	// The key goes down first: a file of hashes whose keys nobody knows would be of no use.
	tmp, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return fmt.Errorf("making api keys: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(append(body, '\n'))
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("making api keys: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		return fs.ErrExist
	}
	if err := os.WriteFile(KeyFile(path), []byte(key+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the first api key: %w", err)
	}
	if err := os.Link(tmp.Name(), path); err != nil { // fails when the file is there, unlike Rename
		return fmt.Errorf("making api keys: %w", err)
	}
	return nil
}

// KeyFile is where OpenKeys writes the first key of a key file.
func KeyFile(path string) string { return filepath.Join(filepath.Dir(path), "gateway.key") }

// Reload reads the file again; changed tells whether it says anything new. On an error the keys in
// use stay.
func (k *Keys) Reload() (changed bool, err error) {
	f, err := os.Open(k.path)
	if err != nil {
		return false, fmt.Errorf("reading api keys: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return false, fmt.Errorf("reading api keys: %w", err)
	}
	if old := k.state.Load(); old != nil && bytes.Equal(old.raw, raw) {
		return false, nil
	}
	list, err := parseKeys(raw)
	if err != nil {
		return false, fmt.Errorf("reading api keys from %s: %w", k.path, err)
	}
	k.state.Store(&keyState{list, raw})
	return true, nil
}

// Len is how many keys there are.
func (k *Keys) Len() int { return len(k.state.Load().list) }

// Find returns the key, nil when it is not known. It takes the same time for every key of the file.
func (k *Keys) Find(key string) *Key {
	if key == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(key))
	var found *Key
	list := k.state.Load().list
	for i := range list {
		if subtle.ConstantTimeCompare(sum[:], list[i].sum[:]) == 1 {
			found = &list[i]
		}
	}
	return found
}

// Current is what the file says by now of a key found before; nil when it was taken away.
func (k *Keys) Current(key *Key) *Key {
	list := k.state.Load().list
	for i := range list {
		if list[i].sum == key.sum {
			return &list[i]
		}
	}
	return nil
}

func parseKeys(raw []byte) ([]Key, error) {
	if len(raw) > maxKeyFile {
		return nil, errors.New("file is larger than 1 MiB")
	}
	var file struct {
		Keys []Key `json:"keys"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, err
	}
	if len(file.Keys) > MaxKeys {
		return nil, fmt.Errorf("more than %d keys", MaxKeys)
	}
	ids := map[string]bool{}
	for i := range file.Keys {
		key := &file.Keys[i]
		if key.ID == "" || ids[key.ID] {
			return nil, fmt.Errorf("key %d: id is empty or there twice", i)
		}
		if len(key.ID) > maxKeyID || strings.ContainsFunc(key.ID, unicode.IsControl) || !utf8.ValidString(key.ID) { // it is written into events
			return nil, fmt.Errorf("key %d: id is longer than %d bytes, or no plain text", i, maxKeyID)
		}
		ids[key.ID] = true
		sum, err := hex.DecodeString(key.Hash)
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("key %q: hash is no SHA-256 in hex", key.ID)
		}
		copy(key.sum[:], sum)
		if len(key.Tenants) == 0 || len(key.Scopes) == 0 {
			return nil, fmt.Errorf("key %q: tenants and scopes must not be empty", key.ID)
		}
		for _, sc := range key.Scopes {
			if sc != ScopePublish && sc != ScopeRead {
				return nil, fmt.Errorf("key %q: unknown scope %q", key.ID, sc)
			}
		}
	}
	return file.Keys, nil
}
