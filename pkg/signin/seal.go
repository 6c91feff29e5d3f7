package signin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// errSeal is returned for anything that this installation did not seal, or for another purpose.
var errSeal = errors.New("not sealed here")

// seal encrypts and authenticates values for browsers to keep.
type seal struct {
	aead cipher.AEAD
	mac  []byte
}

func newSeal(key []byte) (*seal, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("riskd console csrf\x00"), key...))
	return &seal{aead: aead, mac: sum[:]}, nil
}

// put seals v for a purpose.
func (s *seal) put(purpose string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(purpose))), nil
}

// maxSealed bounds what is opened, bytes of text.
const maxSealed = 4096

// get opens what put sealed for the same purpose.
func (s *seal) get(purpose, text string, v any) error {
	if len(text) > maxSealed {
		return errSeal
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return errSeal
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(purpose))
	if err != nil {
		return errSeal
	}
	return json.Unmarshal(plain, v)
}

// csrf is the token that belongs to a session.
func (s *seal) csrf(session string) string {
	m := hmac.New(sha256.New, s.mac)
	m.Write([]byte(session))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}

func fresh() string { return rand.Text() }

// Link is a one-time sign-in for a local user, valid for so long.
func Link(key []byte, name string, now time.Time, valid time.Duration) (string, error) {
	s, err := newSeal(key)
	if err != nil {
		return "", err
	}
	return s.put("link", link{Name: name, ID: fresh(), Until: now.Add(valid)})
}

// link is what a one-time link carries.
type link struct {
	Name  string    `json:"n"`
	ID    string    `json:"i"`
	Until time.Time `json:"u"`
}
