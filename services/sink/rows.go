package sink

import (
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"

	"crypto/sha256"

	"github.com/riskd-io/riskd/pkg/clickhouse/eventrow"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// batch is the rows of one batch, by table. The same records in the same order always give the same rows.
type batch struct {
	ledger      *ledgerRows
	events      *eventRows
	features    *featureRows
	signals     *signalRows
	enforcement *enforcementRows
	dead        *deadRows
	// unknown counts entries with a status this program does not know; they have no row.
	unknown int
}

// newBatch makes room for the rows of these records.
func newBatch(records []journal.Stored) *batch {
	var n struct{ scored, late, signals, reports, dead int }
	for i := range records {
		for _, e := range records[i].Record.Entries {
			switch e.Status {
			case riskdv1.JournalEntry_STATUS_SCORED:
				n.scored++
				n.signals += len(e.Decision.GetSignals())
			case riskdv1.JournalEntry_STATUS_LATE:
				n.late++
			case riskdv1.JournalEntry_STATUS_DEAD:
				n.dead++
			}
			if enforcementKind(e.Event.GetType()) != "" {
				n.reports++
			}
		}
	}
	return &batch{
		ledger: newLedgerRows(len(records)), events: newEventRows(n.scored + n.late), features: newFeatureRows(n.scored),
		signals: newSignalRows(n.signals), enforcement: newEnforcementRows(n.reports), dead: newDeadRows(n.dead),
	}
}

// frames are the tables in the order of insertion: decisions after what they were made from, the
// ledger, which says that all is there, last.
func (b *batch) frames() []*frame {
	return []*frame{&b.events.frame, &b.features.frame, &b.signals.frame, &b.enforcement.frame, &b.dead.frame, &b.ledger.frame}
}

func (b *batch) counts() map[string]uint64 {
	m := make(map[string]uint64, 6)
	for _, f := range b.frames() {
		if n := f.rows(); n > 0 {
			m[f.name] = uint64(n)
		}
	}
	return m
}

// add appends the rows of one record.
func (b *batch) add(s *journal.Stored) {
	rec := s.Record
	p := place{partition: uint16(s.Partition), seq: s.Seq, decided: millis(rec.WrittenMs), policies: rec.Policies}
	var counts riskdv1.Counts
	signals := 0
	for i, e := range rec.Entries {
		p.idx = uint32(i)
		switch e.Status {
		case riskdv1.JournalEntry_STATUS_SCORED:
			counts.Scored++
			row := eventrow.Of(e, sessionOf(e))
			b.events.add(p, e, &row)
			b.features.add(p, e, &row)
			for k, sig := range e.Decision.GetSignals() {
				b.signals.add(p, k, sig, latency(p, row.Received))
				signals++
			}
			b.receipt(p, e)
		case riskdv1.JournalEntry_STATUS_LATE:
			counts.Late++
			row := eventrow.Of(e, sessionOf(e))
			b.events.add(p, e, &row)
			b.receipt(p, e)
		case riskdv1.JournalEntry_STATUS_DEAD:
			counts.DeadLettered++
			b.dead.add(p, e)
		case riskdv1.JournalEntry_STATUS_DUPLICATE:
			counts.Duplicate++
		default:
			b.unknown++
		}
	}
	b.ledger.add(p, s, &counts, signals)
}

func (b *batch) receipt(p place, e *riskdv1.JournalEntry) {
	if kind := enforcementKind(e.Event.GetType()); kind != "" {
		b.enforcement.add(p, kind, e)
	}
}

// enforcementKind is the kind of a receipt or step-up result, "" for other events.
func enforcementKind(typ string) string {
	if typ == "dev.riskd.enforcement.v1" {
		return "receipt"
	}
	kind, ok := strings.CutPrefix(typ, "dev.riskd.stepup.")
	if !ok {
		return ""
	}
	kind, _ = strings.CutSuffix(kind, ".v1")
	return kind
}

// latency is from the broker taking the event to the commit, milliseconds; 0 is unknown.
func latency(p place, received int64) uint32 {
	if received <= 0 || p.decided <= received {
		return 0
	}
	return uint32(min(p.decided-received, 1<<32-1))
}

// millis keeps a time within what every column and expression of the schema can hold.
func millis(ms int64) int64 { return eventrow.Millis(ms) }

// detailJSON writes a part's inputs as one JSON object, in their order.
func detailJSON(details []*riskdv1.Detail) string {
	if len(details) == 0 {
		return "{}"
	}
	b := make([]byte, 0, 24*len(details))
	b = append(b, '{')
	for i, d := range details {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONString(b, d.Key), ':')
		switch v := d.Value.(type) {
		case *riskdv1.Detail_Number:
			if math.IsNaN(v.Number) || math.IsInf(v.Number, 0) {
				b = append(b, "null"...)
			} else {
				b = strconv.AppendFloat(b, v.Number, 'g', -1, 64)
			}
		case *riskdv1.Detail_Text:
			b = appendJSONString(b, v.Text)
		default:
			b = append(b, "null"...)
		}
	}
	return string(append(b, '}'))
}

func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s { // invalid UTF-8 becomes U+FFFD
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20 || r == 0x7f:
			b = append(b, `\u00`...)
			b = hex.AppendEncode(b, []byte{byte(r)})
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// fingerprint binds a batch's tokens to the records it was cut from.
func fingerprint(cuts []cut) string {
	h := sha256.New()
	for _, c := range cuts {
		h.Write([]byte(strconv.Itoa(c.partition) + ":" + strconv.FormatUint(c.after, 10) + "-" + strconv.FormatUint(c.last, 10) + "\n"))
		h.Write(c.hash[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func sortCuts(cuts []cut) {
	slices.SortFunc(cuts, func(a, b cut) int { return a.partition - b.partition })
}

// scopeText writes what a requirement is about, as people read and search it; "" is the whole session.
func scopeText(s *riskdv1.Scope) string {
	var words []string
	if c := s.GetSensitivity(); c != "" {
		words = append(words, "sensitivity="+c)
	}
	if a := s.GetAction(); a != "" {
		words = append(words, "action="+a)
	}
	if t := s.GetResourceType(); t != "" {
		words = append(words, strings.TrimSuffix("resource="+t+"/"+s.GetResourceId(), "/"))
	}
	return strings.Join(words, " ")
}
