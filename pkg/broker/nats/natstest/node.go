package natstest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// How soon a node takes another one that says nothing for gone, as in deploy/nats-cluster.conf.
const (
	RoutePing  = 2 * time.Second
	RoutePings = 2
	RouteWrite = 2 * time.Second
)

// Node is one server of a cluster for tests, run in a process of its own so that it can be killed.
type Node struct {
	// Name is unique in the cluster.
	Name string
	// Listen, Cluster and Monitor are host:port of the clients, the other nodes and /healthz.
	Listen, Cluster, Monitor string
	// Routes are the Cluster addresses of all nodes, or of links to the others. Then Advertise is an address at which nobody answers, so that nodes that
	// hear of each other do not connect past the links.
	Routes    []string
	Advertise string
	// Dir keeps its streams.
	Dir string
}

// Run serves until ctx ends.
func (n Node) Run(ctx context.Context) error {
	opts := &server.Options{ServerName: n.Name, JetStream: true, StoreDir: n.Dir, JetStreamMaxStore: 8 << 30, NoSigs: true, NoLog: true,
		MaxPayload: 8 << 20, MaxPending: 256 << 20, Cluster: server.ClusterOpts{Name: "riskd", Advertise: n.Advertise,
			NoAdvertise:  true, // clients are given all addresses, of links perhaps
			PingInterval: RoutePing, MaxPingsOut: RoutePings, WriteDeadline: RouteWrite}}
	var errs [3]error
	opts.Host, opts.Port, errs[0] = split(n.Listen)
	opts.Cluster.Host, opts.Cluster.Port, errs[1] = split(n.Cluster)
	opts.HTTPHost, opts.HTTPPort, errs[2] = split(n.Monitor)
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("running node %s: %w", n.Name, err)
	}
	for _, r := range n.Routes {
		if r != n.Cluster {
			opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: r})
		}
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("running node %s: %w", n.Name, err)
	}
	srv.Start()
	if !srv.ReadyForConnections(30 * time.Second) {
		srv.Shutdown()
		return fmt.Errorf("running node %s: not ready after 30 s", n.Name)
	}
	<-ctx.Done()
	srv.Shutdown()
	srv.WaitForShutdown()
	return nil
}

func split(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	return host, port, err
}
