package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/riskd-io/riskd/pkg/wire/wiretest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// A field that the schema gets has to be read too: until then this fails.
func TestEveryFieldOfTheSchemaIsRead(t *testing.T) {
	t.Parallel()
	want := new(riskdv1.Event)
	wiretest.Fill(want)
	data, err := proto.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	p := Parsed{Event: new(riskdv1.Event)}
	if err := p.protobuf(data); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, p.Whole(), protocmp.Transform(), protocmp.IgnoreUnknown()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if n := len(p.Event.ProtoReflect().GetUnknown()); n != 0 {
		t.Errorf("%d bytes of unknown fields were kept", n)
	}
}
