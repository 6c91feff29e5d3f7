// Package service is what every riskd process needs around its roles: a life cycle that starts
// parts in the order of their needs and stops them in reverse, the admin endpoint (liveness,
// readiness, metrics, profiles), the logger, listeners whose errors name the flag to change, the
// reading of configuration, and build information.
//
// It knows no role: names, needs and constructors come from the caller. It holds no global state
// except what the standard library does; unless a type says otherwise, its values are safe for
// use by several goroutines.
package service
