package bridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// natsBucket holds the positions of bridges that read from NATS: a key for each target and partition.
const natsBucket = "riskd_bridge"

type natsPositions struct {
	kv   jetstream.KeyValue
	name string
}

// OnNATS keeps positions in a bucket beside the events. name tells targets apart: letters, digits, '-' and '_'.
func OnNATS(ctx context.Context, js jetstream.JetStream, name string) (Positions, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	kv, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: natsBucket, History: 1, Description: "how far bridges have copied riskd's input"})
	if err != nil {
		return nil, fmt.Errorf("making bucket %s: %w", natsBucket, err)
	}
	return natsPositions{kv, name}, nil
}

func (n natsPositions) key(partition int) string { return n.name + "." + strconv.Itoa(partition) }

func (n natsPositions) Load(ctx context.Context, partition int) (uint64, error) {
	e, err := n.kv.Get(ctx, n.key(partition))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the bridge's position: %w", err)
	}
	return strconv.ParseUint(string(e.Value()), 10, 64)
}

func (n natsPositions) Store(ctx context.Context, partition int, last uint64) error {
	if _, err := n.kv.Put(ctx, n.key(partition), strconv.AppendUint(nil, last, 10)); err != nil {
		return fmt.Errorf("storing the bridge's position: %w", err)
	}
	return nil
}
