package signin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FirstUser is who may sign in on a new installation.
const FirstUser = "admin"

// Files are where an installation keeps what signs people in, all in its data folder and readable by the owner only.
type Files struct{ Users, Password, Key string }

// FilesIn are the files of a data folder.
func FilesIn(data string) Files {
	return Files{Users: filepath.Join(data, "console.users.json"), Password: filepath.Join(data, "console.password"), Key: filepath.Join(data, "console.key")}
}

// First makes the first user of an installation that has none, with a password of its own in a file; made is then true.
func First(f Files, now time.Time) (made bool, err error) {
	if _, err := os.Stat(f.Users); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	password := strings.ToLower(rand.Text()) // 130 bits
	// The password goes down first: a user whose password nobody knows would be of no use.
	if err := writeFile(f.Password, []byte(password+"\n")); err != nil {
		return false, fmt.Errorf("writing the console's first password: %w", err)
	}
	users, err := OpenUsers(f.Users)
	if err != nil {
		return false, err
	}
	return true, users.Put(FirstUser, Admin, password, true, now)
}

// keyBytes is AES-256.
const keyBytes = 32

// Key is what cookies and links are sealed with, made when the file is not there.
func Key(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := make([]byte, keyBytes)
		_, _ = rand.Read(fresh) // never fails
		if err := writeFile(path, fresh); err != nil {
			return nil, fmt.Errorf("making the console's key: %w", err)
		}
		key, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the console's key: %w", err)
	}
	if len(key) != keyBytes {
		return nil, fmt.Errorf("reading the console's key: %s has %d bytes, want %d; remove it to make another (all sign in again)", path, len(key), keyBytes)
	}
	return key, nil
}
