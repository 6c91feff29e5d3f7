package scorer

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/wire/wiretest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestNothingOfTheEntryBeforeIsLeft(t *testing.T) {
	e := new(riskdv1.JournalEntry)
	wiretest.Fill(e)
	e.ProtoReflect().SetUnknown(nil) // entries are made here, not read
	empty(e)
	if proto.Size(e) != 0 {
		t.Errorf("got %v", e)
	}
}
