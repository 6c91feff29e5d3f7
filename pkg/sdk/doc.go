// Package sdk joins an application to riskd: it reports what users do, knows without asking the
// network which sessions owe a step-up, and enforces that in net/http.
//
//	client, err := sdk.Connect("nats://127.0.0.1:4222", "//acme/apps/web", sdk.WithTenant("acme"))
//	client.Report(sdk.Event{ ... })                       // never blocks on the network
//	verdict := client.Guard().Check("acme", "s1")         // no network, no allocation
//	web, err := client.Middleware(sdk.MiddlewareConfig{ ... })
//	protect, err := web.Protect(sdk.RouteConfig{ ... })   // func(http.Handler) http.Handler
//
// It is not an identity provider: the application logs people in, runs the second factor, keeps the
// session, and tells riskd what was proven ([Client.Challenge]).
//
// [Client], [Guard], [Middleware] and [Challenge] are safe for concurrent use. Everything a client
// starts ends with [Client.Close].
package sdk
