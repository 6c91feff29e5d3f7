package gateway

import (
	"fmt"
	"strings"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// KeyAttribute names the API key by which a report came in: it is on every result of a challenge, receipt and judgement that the
// gateway took, and the gateway alone writes it. Activity has none: there is too much of it, and it says nothing about others.
const KeyAttribute = "gateway_key"

const (
	typeActivity = "dev.riskd.activity.v1"
	// ofUser is the author of what users say of themselves, which the core believes only with a proof.
	ofUser = "user"
)

// sign writes into a report whose key it came by. The author of a judgement becomes the key, with whom the caller names behind it: who
// holds a key may say anything of anybody, but not as somebody else.
func sign(ev *riskdv1.Event, key string) error {
	delete(ev.Attributes, KeyAttribute)
	if ev.Type == typeActivity {
		return nil
	}
	if len(ev.Attributes) >= wire.MaxAttributes {
		return &wire.Invalid{Reason: wire.ReasonBadValue, Detail: fmt.Sprintf("attributes: at most %d on a report, the gateway adds %s", wire.MaxAttributes-1, KeyAttribute)}
	}
	if ev.Attributes == nil {
		ev.Attributes = map[string]string{}
	}
	ev.Attributes[KeyAttribute] = key
	if f := ev.Feedback; f != nil && f.Author != ofUser {
		f.Author = author(key, f.Author)
	}
	return nil
}

// author is a key with whom its holder names: "key:web", "key:web (ann)".
func author(key, named string) string {
	out := "key:" + key
	if named == "" || strings.HasPrefix(named, "key:") {
		return out
	}
	if room := wire.MaxAuthor - len(out) - len(" ()"); room > 0 {
		out += " (" + strings.ToValidUTF8(named[:min(len(named), room)], "") + ")"
	}
	return out
}
