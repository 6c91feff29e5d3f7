package bridge

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// credentials hashes user and password together, so that comparing takes the same time
// whatever is wrong.
func credentials(user, password string) [sha256.Size]byte {
	return sha256.Sum256([]byte(user + "\x00" + password))
}

// authenticate checks the one way in which a request presents its user: headers, Basic, or
// parameters, in a server's order. It tells whether that user may only read.
func (b *Bridge) authenticate(r *http.Request, parameters url.Values) (reads bool, refused *chdb.Exception) {
	user, password := r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	basicUser, basicPassword, basic := r.BasicAuth()
	inHeaders := user != "" || password != ""
	inParameters := parameters.Has("user") || parameters.Has("password")
	switch {
	case inHeaders && (basic || inParameters), basic && inParameters:
		return false, exception(codeAuthentication, "Invalid authentication: only one of X-ClickHouse headers, Authorization and URL parameters may be used")
	case basic:
		user, password = basicUser, basicPassword
	case inParameters:
		user, password = parameters.Get("user"), parameters.Get("password")
	case !inHeaders && r.Header.Get("Authorization") != "":
		return false, exception(codeAuthentication, "Invalid authentication: only Basic is known")
	case !inHeaders:
		return false, exception(codeRequiredPassword, "Authentication is required: give user and password")
	}
	presented := credentials(user, password)
	writes := subtle.ConstantTimeCompare(presented[:], b.secret[:])
	reads = subtle.ConstantTimeCompare(presented[:], b.reader[:]) == 1
	if writes != 1 && !reads {
		return false, exception(codeAuthentication, "Authentication failed: password is incorrect, or there is no user with such name.")
	}
	return reads, nil
}

// allowedHost guards against DNS rebinding: a web page whose own name resolves to this
// machine would otherwise count as this server's.
func (b *Bridge) allowedHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return slices.Contains(b.cfg.Hosts, host)
}
