package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/service"
)

// The roles: what -target takes. Each scales and fails in its own way.
const (
	Gateway  = "gateway"  // events over HTTP, sessions and signals for those without the SDK; stateless
	Scorer   = "scorer"   // input to decisions, signals and journal; holds the profiles of its partitions
	Signaler = "signaler" // expiry of open flags, repair of the flag bucket
	Sink     = "sink"     // journal to ClickHouse; may lag for hours without harm
	Console  = "console"  // pages for analysts; reads ClickHouse, publishes what they say
	All      = "all"      // every role; the only target that may have broker and database in the process
)

// What the roles stand on. They start when a role needs them.
const (
	Admin      = "admin"      // health, metrics, profiles
	Broker     = "broker"     // NATS: embedded or yours, its streams and buckets
	Database   = "database"   // ClickHouse: the embedded engine or yours
	Schema     = "schema"     // brings the database to the schema; retries until it is there
	Enrichment = "enrichment" // geography and networks
	Policies   = "policies"   // what is in force, from the installation's log of policies
)

// needs is the order of things: a part starts after all it needs and stops before them.
var needs = service.Graph{
	Admin:      nil,
	Broker:     {Admin},
	Database:   {Admin},
	Schema:     {Database},
	Enrichment: {Admin},
	Policies:   {Broker},

	Scorer:   {Broker, Enrichment, Policies},
	Signaler: {Broker},
	Sink:     {Broker, Schema},
	Console:  {Broker, Schema, Policies},
	Gateway:  {Broker},
}

// roles in the order they start when a process has several. Those on the road of a flag come before those that need
// the database, which takes seconds to start and to stop: apps need not wait for it. The gateway comes after the
// scorer, so that nothing comes in before the road is there.
var roles = []string{Scorer, Signaler, Gateway, Sink, Console}

// parseTargets reads all or a comma list of roles, and returns them in start order.
func parseTargets(list string) ([]string, error) {
	asked := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range asked {
		if name != All && !slices.Contains(roles, name) {
			return nil, fmt.Errorf("-target: unknown role %q: want %s, or a list of %s", name, All, strings.Join(roles, ", "))
		}
	}
	if len(asked) == 0 {
		return nil, fmt.Errorf("-target is empty: want %s, or a list of %s", All, strings.Join(roles, ", "))
	}
	var targets []string
	for _, name := range roles {
		if slices.Contains(asked, All) || slices.Contains(asked, name) {
			targets = append(targets, name)
		}
	}
	return targets, nil
}
