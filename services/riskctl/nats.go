package main

import (
	"fmt"

	"github.com/nats-io/nats.go"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
)

func connect(n natsFlags, name string) (*nats.Conn, error) {
	var opts []nats.Option
	if n.creds != "" {
		opts = append(opts, nats.UserCredentials(n.creds))
	}
	nc, err := natsjs.Connect(n.url, name, opts...)
	if err != nil {
		return nil, fmt.Errorf("%w; is riskd running there? (-nats-url, RISKD_NATS_URL)", err)
	}
	return nc, nil
}
