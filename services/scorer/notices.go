package scorer

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/rules"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/notice"
	"github.com/riskd-io/riskd/schemas/subject"
)

// maxNotices bounds what one record tells. Which those are depends on the record alone, so that a new owner repeats the same; the
// others are in the ledger and in ClickHouse, and counted.
const maxNotices = 2048

// noting is an engine whose rules may only notify: *rules.Engine.
type noting interface {
	Note(tenant, user, rule string) (rules.Note, bool)
}

// noticed is what one entry of a record tells.
type noticed struct {
	entry int
	*notice.Notice
}

// appendNotices makes a notice of each rule that notifies and applied to an event.
func appendNotices(dst []noticed, engine Engine, at int, ev *riskdv1.Event, d *riskdv1.Decision) []noticed {
	if len(d.GetHits()) == 0 {
		return dst
	}
	by, ok := engine.(noting)
	if !ok {
		return dst
	}
	tenant, user := strings.Clone(ev.GetTenantId()), strings.Clone(ev.GetUser().GetId()) // the event lies in the broker's buffer
	for _, rule := range d.Hits {
		if note, ok := by.Note(tenant, user, rule); ok {
			dst = append(dst, noticed{at, &notice.Notice{
				Tenant: tenant, User: notice.User{ID: user}, Session: strings.Clone(ev.GetSession().GetId()), EventID: strings.Clone(ev.Id), Source: strings.Clone(ev.Source), Time: time.UnixMilli(ev.TimeMs).UTC(),
				Action: strings.Clone(ev.Action), Resource: notice.Resource{Type: strings.Clone(ev.GetResource().GetType()), ID: strings.Clone(ev.GetResource().GetId())}, Rule: rule, Policy: d.Policy,
				Risk: d.Risk, Decision: d.Action, ReasonUser: note.User, ReasonAnalyst: note.Analyst,
			}})
		}
	}
	return dst
}

// bounded are the notices of a record, in the order of its entries.
func bounded(all []noticed) (out []*notice.Notice, beyond int) {
	if len(all) == 0 {
		return nil, 0
	}
	slices.SortStableFunc(all, func(x, y noticed) int { return cmp.Compare(x.entry, y.entry) })
	for _, n := range all[:min(len(all), maxNotices)] {
		out = append(out, n.Notice)
	}
	return out, len(all) - len(out)
}

// byUser gives a record's notices their ids and sorts them, beside the sessions.
func (f *effects) byUser(lanes map[string]*outgoing, rec *caused, e *effect) {
	for i, n := range e.notices {
		n.ID = broker.NoticeID(broker.Position{Partition: f.n, Seq: e.seq}, i)
		key := "notices " + subject.Key(n.Tenant, n.User.ID) // no session's key has a space
		o := lanes[key]
		if o == nil {
			o = &outgoing{of: []*caused{rec}, repeated: e.repeated}
			lanes[key] = o
		}
		o.notices = append(o.notices, n)
	}
}

// publishNotices stores a user's notices. The broker drops repeated ones for a few minutes only; what an earlier owner, or an
// attempt without an answer, may have stored is looked for.
func (f *effects) publishNotices(ctx context.Context, o *outgoing) error {
	look, last := o.repeated, ""
	for _, n := range o.notices {
		err := f.until(ctx, "publishing notice", func(ctx context.Context) (err error) {
			if look {
				if last, err = f.s.outlet.LastNotice(ctx, n.Tenant, n.User.ID); err != nil {
					return err
				}
			}
			if look = false; !after(n.ID, last) {
				return nil
			}
			err = f.s.outlet.Notice(ctx, n)
			look = err != nil
			return err
		})
		if err != nil {
			return err
		}
		f.s.metrics.notices.Inc()
	}
	return nil
}

// after tells whether a notice comes behind the newest one that is stored.
func after(id, last string) bool {
	was, i, ok := broker.ParseNoticeID(last)
	is, k, _ := broker.ParseNoticeID(id)
	return !ok || was.Partition != is.Partition || is.Seq > was.Seq || is.Seq == was.Seq && k > i
}
