package engine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	minPassword = 16
	maxPassword = 256
)

// password reads the password, or makes one at the first start. Two at once agree on one,
// since the file appears whole and only once.
func password(path string) (string, error) {
	secret, err := readPassword(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("creating the password's directory: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".password-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("creating the password: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(rand.Text() + "\n") // 128 bits and more, letters and digits
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", fmt.Errorf("writing the password: %w", err)
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("writing the password: %w", err)
	}
	return readPassword(path)
}

func readPassword(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("the password file %s can be read by others: chmod 600 it", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	secret := strings.TrimSpace(string(data))
	if len(secret) < minPassword || len(secret) > maxPassword || strings.ContainsFunc(secret, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", fmt.Errorf("the password in %s must be %d to %d printable characters", path, minPassword, maxPassword)
	}
	return secret, nil
}
