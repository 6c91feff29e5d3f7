package kafka_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/schemas/notice"
)

// tell stores notices as a worker does, in a transaction that is committed or not.
func (k *cluster) tell(commit bool, all ...*notice.Notice) {
	k.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.addr()), kgo.TransactionalID("worker"))
	if err != nil {
		k.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := cl.BeginTransaction(); err != nil {
		k.t.Fatal(err)
	}
	for _, n := range all {
		data, err := n.Encode()
		if err != nil {
			k.t.Fatal(err)
		}
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "riskd.notices", Value: data}).FirstErr(); err != nil {
			k.t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		k.t.Fatal(err)
	}
}

func about(id, tenant string) *notice.Notice {
	return &notice.Notice{ID: id, Tenant: tenant, User: notice.User{ID: "u"}, EventID: "e", Source: source, Rule: "role_grant", Policy: "p@1", Decision: "allow"}
}

// An app hears of its tenant's notices and of no other's, of those from before and of those to come, of none that was taken back, and also
// when the broker was away in between.
func TestAnAppHearsItsTenantsNotices(t *testing.T) {
	k := start(t)
	c, err := k.Connect()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer func() { cancel(); _ = c.Close(context.Background()) }()
	k.tell(true, about("0:1:0", "acme"), about("0:1:1", "globex"))
	k.tell(false, about("0:2:0", "acme"))
	heard, ended := make(chan *sdk.Notice, 16), make(chan error, 1)
	go func() {
		ended <- c.Notices(ctx, time.Now().Add(-time.Hour), func(n *sdk.Notice) { heard <- n })
	}()
	var before []string
	hear := func(want string) {
		t.Helper()
		for {
			select {
			case n := <-heard:
				if n.ID == want && n.Tenant == "acme" && n.Rule == "role_grant" {
					before = append(before, n.ID)
					return
				}
				if !slices.Contains(before, n.ID) { // one may come twice
					t.Fatalf("heard %+v, want %s", n, want)
				}
			case <-ctx.Done():
				t.Fatalf("heard nothing, want %s", want)
			}
		}
	}
	hear("0:1:0")
	k.tell(true, about("0:3:0", "acme"))
	hear("0:3:0")
	k.Stop()
	k.Restart()
	k.tell(true, about("0:4:0", "acme"))
	hear("0:4:0")
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Errorf("it ended with %v, want the context's error", err)
	}
}
