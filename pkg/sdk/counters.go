package sdk

import "sync/atomic"

// Counters is what a client has done since it was made. Reading it is cheap; publish it with expvar
// or copy it into the metrics library of your choice. Every field but the last three only grows.
type Counters struct {
	// Reported = Acknowledged + Refused + Dropped + Queued.
	Reported     uint64 `json:"reported"`
	Acknowledged uint64 `json:"acknowledged"`
	// Duplicates are acknowledged events that riskd already had.
	Duplicates uint64 `json:"duplicates"`
	// Refused events can never be accepted (too large, invalid).
	Refused uint64 `json:"refused"`
	// Dropped events found the queue full, or were still unsent when Close ran out of time.
	Dropped uint64 `json:"dropped"`
	// Retries are attempts to send a batch again.
	Retries uint64 `json:"retries"`

	// FlagUpdates are entries of the bucket taken over, FlagsIgnored lower revisions that were not.
	FlagUpdates  uint64 `json:"flag_updates"`
	FlagsIgnored uint64 `json:"flags_ignored"`
	// FlagsInvalid could not be read; their sessions are held as unknown, never as clear.
	FlagsInvalid uint64 `json:"flags_invalid"`
	// Snapshots are complete readings of the bucket: the first, and one after every interruption.
	Snapshots uint64 `json:"snapshots"`

	// NoticesInvalid could not be read.
	NoticesInvalid uint64 `json:"notices_invalid"`

	// What the middleware did with requests.
	Passed       uint64 `json:"passed"`
	StepUps      uint64 `json:"step_ups"`
	LocalStepUps uint64 `json:"local_step_ups"`
	Blocked      uint64 `json:"blocked"`
	Unavailable  uint64 `json:"unavailable"`
	FailedOpen   uint64 `json:"failed_open"`

	// Queued events wait for their acknowledgement, Flags are held now, State is the guard's.
	Queued int    `json:"queued"`
	Flags  int    `json:"flags"`
	State  string `json:"state"`
}

type counters struct {
	reported, acknowledged, duplicates, refused, dropped, retries      atomic.Uint64
	flagUpdates, flagsIgnored, flagsInvalid, snapshots, noticesInvalid atomic.Uint64
	passed, stepUps, localStepUps, blocked, unavailable, failedOpen    atomic.Uint64
}

func (c *counters) read() Counters {
	return Counters{
		Reported: c.reported.Load(), Acknowledged: c.acknowledged.Load(), Duplicates: c.duplicates.Load(),
		Refused: c.refused.Load(), Dropped: c.dropped.Load(), Retries: c.retries.Load(),
		FlagUpdates: c.flagUpdates.Load(), FlagsIgnored: c.flagsIgnored.Load(), FlagsInvalid: c.flagsInvalid.Load(),
		Snapshots: c.snapshots.Load(), NoticesInvalid: c.noticesInvalid.Load(),
		Passed: c.passed.Load(), StepUps: c.stepUps.Load(), LocalStepUps: c.localStepUps.Load(), Blocked: c.blocked.Load(),
		Unavailable: c.unavailable.Load(), FailedOpen: c.failedOpen.Load(),
	}
}
