package wire

import riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"

// Result is one event of a batch, or why it is none.
type Result struct {
	Event *riskdv1.Event
	// Err is nil or an *[Invalid].
	Err error
	// ID is the event's id as far as it could be read, for the answer.
	ID string
}

// DecodeBatch reads a CloudEvents JSON batch, an array of structured (or flat) events. One bad
// event does not spoil the others; an error is returned only when the array itself cannot be read
// or holds more than [MaxBatchEvents].
func DecodeBatch(data []byte) ([]Result, error) {
	sc := scanner{s: string(data)}
	if !sc.open('[') {
		sc.wrong("batch", "an array of events")
		return nil, sc.err
	}
	var out []Result
	for first := true; sc.more(&first, ']'); {
		if len(out) == MaxBatchEvents {
			return nil, invalid(ReasonTooLarge, "batch: more than 1000 events")
		}
		sc.peek()
		start := sc.pos
		if sc.skip(); sc.err != nil {
			break
		}
		out = append(out, decodeOne(sc.s[start:sc.pos]))
	}
	if sc.err == nil {
		sc.end()
	}
	if sc.err != nil {
		return nil, sc.err
	}
	return out, nil
}

func decodeOne(s string) Result {
	if len(s) > MaxEventBytes {
		return Result{Err: invalid(ReasonTooLarge, "event exceeds 64 KiB")}
	}
	ev := new(riskdv1.Event)
	err := decodeJSON(s, ev, modeAny)
	id := cut(ev.Id, MaxEventID)
	if err == nil {
		err = Validate(ev)
	}
	if err != nil {
		return Result{Err: err, ID: id}
	}
	return Result{Event: ev, ID: id}
}
