package signin

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
)

const (
	// MinPassword is the shortest password, characters.
	MinPassword = 12
	maxPassword = 256
)

// Parameters of argon2id, RFC 9106's second choice: 64 MiB, three passes.
const (
	argonMemory  = 64 << 10 // KiB
	argonTime    = 3
	argonThreads = 1
	saltBytes    = 16
	hashBytes    = 32
)

var plainBase64 = base64.RawStdEncoding

// Hash is the text that stands for a password in the file.
func Hash(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, hashBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, plainBase64.EncodeToString(salt), plainBase64.EncodeToString(sum))
}

// matches compares a password with a hash of any sane parameters.
func matches(hash, password string) bool {
	p := strings.Split(hash, "$")
	if len(p) != 6 || p[1] != "argon2id" {
		return false
	}
	var version int
	var memory, passes uint32
	var threads uint8
	if _, err := fmt.Sscanf(p[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(p[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil || memory > 1<<20 || passes == 0 || passes > 16 || threads == 0 {
		return false
	}
	salt, err1 := plainBase64.DecodeString(p[4])
	want, err2 := plainBase64.DecodeString(p[5])
	if err1 != nil || err2 != nil || len(want) < 16 {
		return false
	}
	return subtle.ConstantTimeCompare(argon2.IDKey([]byte(password), salt, passes, memory, threads, uint32(len(want))), want) == 1
}

// decoy is compared with when there is no such user.
var decoy = sync.OnceValue(func() string { return Hash(fresh()) })

func orDecoy(hash string) string {
	if hash == "" {
		return decoy()
	}
	return hash
}
