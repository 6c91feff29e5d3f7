package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// askEvery is after how many heartbeats the brokers are asked who the leader is. One that was cut off from the others goes on answering, and has
// nothing new: it does not know that another leads by now.
const askEvery = 10

// locate finds the leader. Any broker is asked; where it does not answer in time, the next attempt asks another one.
func (f *follower) locate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(f.topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, f.b.reader)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 {
		return errors.New("the broker does not tell of the topic")
	}
	got := &resp.Topics[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return err
	}
	if len(got.Partitions) != 1 {
		return fmt.Errorf("it has %d partitions, riskd's has 1: is the prefix right?", len(got.Partitions))
	}
	if f.id != [16]byte{} && f.id != got.TopicID {
		return errGone
	}
	p := &got.Partitions[0]
	if p.Leader < 0 || p.LeaderEpoch < f.epoch { // a broker that was cut off tells of the leader before
		return kerr.LeaderNotAvailable
	}
	f.id, f.leader, f.epoch = got.TopicID, p.Leader, p.LeaderEpoch
	f.askAt = time.Now().Add(askEvery * f.b.cfg.Heartbeat)
	return nil
}

// ask looks whether another broker leads by now, now and then. Brokers are asked in turn; one that does not answer holds nothing up for long.
func (f *follower) ask(ctx context.Context) error {
	if f.leader < 0 {
		return f.locate(ctx)
	}
	if time.Now().Before(f.askAt) {
		return nil
	}
	f.askAt = time.Now().Add(f.b.cfg.Heartbeat)
	ctx, cancel := context.WithTimeout(ctx, f.b.cfg.Heartbeat/2)
	defer cancel()
	if err := f.locate(ctx); errors.Is(err, errGone) {
		return err
	}
	return nil
}

// offset asks the leader where the topic begins (-2), or ends but for what is not decided (-1).
func (f *follower) offset(ctx context.Context, moment int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = 1
	// By default a broker may look for half a minute, and so long a connection waits for one that is silent.
	req.TimeoutMillis = int32(answerWait.Milliseconds())
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = f.topic
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp, p.CurrentLeaderEpoch = moment, f.epoch
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	kresp, err := f.b.reader.Broker(int(f.leader)).RetriableRequest(ctx, req)
	if err != nil {
		return 0, err
	}
	resp := kresp.(*kmsg.ListOffsetsResponse)
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, errors.New("the broker does not tell where it begins")
	}
	got := &resp.Topics[0].Partitions[0]
	return got.Offset, kerr.ErrorForCode(got.ErrorCode)
}
