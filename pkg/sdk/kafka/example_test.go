package kafka_test

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/kafka"
)

func ExampleConnect() {
	client, err := kafka.Connect(kafka.Config{
		Brokers: []string{"kafka-1:9093", "kafka-2:9093"},
		Client: []kgo.Opt{ // whatever the cluster asks for; authorities of your own go into kgo.DialTLSConfig
			kgo.DialTLS(),
			kgo.SASL(scram.Auth{User: "web", Pass: "from your secret store"}.AsSha512Mechanism()),
		},
	}, "//acme/apps/web", sdk.WithTenant("acme"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.Guard().Check("acme", "s1").State) // the cluster is not there yet: no error, and not clear
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = client.Close(ctx)
	// Output: unknown
}
