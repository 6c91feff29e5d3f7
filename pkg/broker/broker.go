// Package broker is what riskd's roles and their message brokers say to each other: messages, positions, flags and errors
// that belong to no broker, and the interfaces of what a broker hands out. Package broker/nats keeps them on
// NATS JetStream, package broker/kafka on Kafka; package broker/brokertest proves both alike. Each role declares the part
// that it needs itself.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/notice"
)

var (
	// ErrConflict is wrapped when a guarded write was refused because somebody else has written: nothing was stored.
	ErrConflict = errors.New("another writer was here first")
	// ErrTooLarge is wrapped when an event exceeds what the broker takes as one message.
	ErrTooLarge = errors.New("event exceeds the broker's maximum payload")
	// ErrInvalid is wrapped by what no repetition would change.
	ErrInvalid = errors.New("cannot be encoded")
)

// TrimmedError tells that records after the asked position are gone from the journal.
type TrimmedError struct {
	Partition int
	// After is the asked position, First the oldest record there is.
	After, First uint64
}

func (e *TrimmedError) Error() string {
	return fmt.Sprintf("journal of partition %d is trimmed: asked for records after %d, the oldest is %d", e.Partition, e.After, e.First)
}

// Installation is what was fixed when riskd's streams or topics were made.
type Installation struct {
	Partitions int
	// MaxMessage is how many bytes one message may have.
	MaxMessage int
	// PagesAtOnce is how many pages of a worker are best stored at once, 0 when the broker does not mind.
	PagesAtOnce int
	// RecordWait is how long a record that nobody waits for best waits for more events, 0 when the broker does not mind.
	RecordWait time.Duration
	// OwnPartitions tells that partitions are computed by [subject.Partition]. Otherwise they are the producers' affair:
	// all events of a user are in one, whichever it is.
	OwnPartitions bool
	// PartitionOf is where riskd's own producers put a user's events; nil with OwnPartitions. Safe for concurrent use. Events that
	// lie elsewhere are scored like all others: what matters is that all of a user's are in one partition. Elsewhere is what to do
	// about those that are not where PartitionOf says.
	PartitionOf func(tenant, user string) int
	Elsewhere   string
}

// Message is one stored message.
type Message struct {
	// Seq is its sequence in its partition, ascending from 1: the stream sequence of NATS, offset + 1 of Kafka.
	Seq uint64
	// StoredNS is when the broker stored it, Unix nanoseconds.
	StoredNS int64
	// Envelope holds the CloudEvents attributes outside the payload.
	Envelope wire.Envelope
	// Data is valid until its reader is told that the message is done with, and as long as the message is if it never is.
	Data []byte
	// Pending is how many messages came after it when it was read.
	Pending uint64
	// Missing is how many messages directly before it are lost: the reader had to skip them.
	Missing uint64
}

// Reader reads one partition of something in order, without acknowledging: its caller keeps the position. It heals by itself
// after any loss of the broker. One goroutine at a time.
type Reader interface {
	// Take appends at least one message to dst and what else is there already, up to max messages and about maxBytes of
	// payload. It blocks until ctx ends, whose error it then returns.
	Take(ctx context.Context, dst []Message, max, maxBytes int) ([]Message, error)
	// Done tells that nothing of the messages up to a sequence is used any more, their Data and what was cut out of it included: their memory
	// may be that of other messages from now on. Who never says so keeps what it keeps. It comes from the goroutine that calls Take.
	Done(through uint64)
	Close()
}

// Outgoing is what an appended record causes. A broker that can stores it together with the record, else [Outlet] does it after.
type Outgoing struct {
	Signals []*riskdv1.Signal
	Dead    []*riskdv1.JournalEntry
	// Notices get their [NoticeID] where they are stored.
	Notices []*notice.Notice
	// InputLast is the input position that the record includes.
	InputLast uint64
}

// Page is a named part of a partition's checkpointed state.
type Page struct {
	Name string
	Data []byte
	// Rev is the page's revision for the next guarded write; 0: there is none.
	Rev uint64
}

// Log is one partition as its owner works on it: the input, the journal, the pages. Append and Claim belong to one goroutine;
// the others are safe for concurrent use.
type Log interface {
	// Claim shuts out older owners where the broker needs to be told so; where each append is guarded by itself it does nothing. It
	// comes before Last and the append of a fence.
	Claim(ctx context.Context) error
	// Last is the newest record, including every one that was acknowledged; ok is false when there is none yet.
	Last(ctx context.Context) (s journal.Stored, ok bool, err error)
	// Append stores a record if last is still the last one's sequence, and returns its sequence. [ErrConflict] is wrapped when it
	// was refused: nothing was stored. After any other error the outcome is unknown until Claim and Last were called.
	Append(ctx context.Context, last uint64, stored []byte, out Outgoing) (seq uint64, err error)
	// Emptied is the sequence after which a journal without records was emptied, 0 when nothing was ever in it.
	Emptied(ctx context.Context) (after uint64, err error)
	// Input reads events from a sequence on and buffers about so many messages and bytes.
	Input(from uint64, messages, bytes int) (Reader, error)
	// InputEnd is the sequence of the last event stored.
	InputEnd(ctx context.Context) (uint64, error)
	// Records reads the journal after a sequence. Its Take returns a [TrimmedError] when the next record is gone.
	Records(after uint64, messages, bytes int) (Reader, error)
	// Pages visits every stored page; a page may come twice, the newer one last. The data is valid during the call.
	Pages(ctx context.Context, visit func(Page) error) error
	// ReadPage reads one page; ok is false when it was never stored.
	ReadPage(ctx context.Context, name string) (p Page, ok bool, err error)
	// StorePage stores a page if rev is still its revision, and returns the new one. ErrConflict as with Append.
	StorePage(ctx context.Context, name string, rev uint64, data []byte) (uint64, error)
	// TrimInput and TrimRecords drop what is below keep, where that is riskd's to decide.
	TrimInput(ctx context.Context, keep uint64) error
	TrimRecords(ctx context.Context, keep uint64) error
	// Close gives back what the owner held. It may be claimed again.
	Close()
}

// Outlet makes visible what a stored record caused. All of it may be repeated freely; what has [ErrInvalid] need not be.
type Outlet interface {
	// Flag writes what sig means for its session; applied is false when that or something newer was there.
	Flag(ctx context.Context, sig *riskdv1.Signal, pos Position) (applied bool, err error)
	Signal(ctx context.Context, sig *riskdv1.Signal, pos Position) error
	// LastSignal is the newest signal stored for a session and where it comes from; ok is false when there is none.
	LastSignal(ctx context.Context, tenant, session string) (sig *riskdv1.Signal, pos Position, ok bool, err error)
	Dead(ctx context.Context, partition int, e *riskdv1.JournalEntry) error
	// Notice stores one notice; it has its id.
	Notice(ctx context.Context, n *notice.Notice) error
	// LastNotice is the id of the newest notice stored for a user; "" when there is none.
	LastNotice(ctx context.Context, tenant, user string) (id string, err error)
}

// Teller is an Outlet that takes the news of many sessions at once: what it sends for them wakes the broker, and its answers this process,
// once for many and not once for each.
type Teller interface {
	// Tell does what Flag and Signal do for each of words, at most one of a session, and says in the same order what it knows to be done.
	// Of several signals of a session each is told when the one before is known to be stored.
	// It does not read, nor repeat: what it does not know to be done is to be done one by one.
	Tell(ctx context.Context, words []Word) []Told
}

// Word is the news of a session.
type Word struct {
	// Signal is to be stored. The session's flag has to follow from Flag, the latest one of the same record; nil leaves it as it is.
	Signal, Flag *riskdv1.Signal
	// Position is that of their record.
	Position Position
}

// Told is what is known to be done of a [Word]. Nothing follows from what is not known: it may be done as well.
type Told struct {
	// Flagged is when the broker's answer came that the flag is written; the zero time when none came.
	Flagged time.Time
	// Stored tells that the signal is stored.
	Stored bool
}

// WorkersConfig is one worker among others.
type WorkersConfig struct {
	// ID names this worker; unique per start. Letters, digits, '-' and '_'.
	ID string
	// Partitions of the installation.
	Partitions int
	// TTL is after how long a silent worker's partitions are given to others.
	TTL time.Duration
	// HandoverWait is how long to wait for a living owner to let a partition go before taking it.
	HandoverWait time.Duration
	Log          *slog.Logger
}

// Workers shares the partitions among the living workers. It is a hint: correctness rests on Append.
type Workers interface {
	// Run keeps this worker's place until ctx ends.
	Run(ctx context.Context) error
	// Changed gets a value after Mine may have changed.
	Changed() <-chan struct{}
	// Mine lists the partitions that this worker is to own and may take now; waiting is how many more it will get once their
	// owner lets go. ok is false while nothing is known.
	Mine() (mine []int, waiting int, ok bool)
	// Hold tells the others what this worker owns.
	Hold(partitions []int)
	// Alone tells whether no other worker is alive.
	Alone() bool
	// Leave gives the place back, so that others need not wait.
	Leave(ctx context.Context) error
}

// Result is what became of one published event.
type Result struct {
	// Duplicate is set when the broker had the event already and knows it.
	Duplicate bool
	// Err is set when the event is not known to be stored; sending it again is safe.
	Err error
}

// Publisher puts valid events on the input and keeps each until it is stored. Safe for concurrent use.
type Publisher interface {
	// PublishBatch stores events with their acknowledgements in flight together, until ctx ends. Results are in the order of evs.
	PublishBatch(ctx context.Context, evs []*riskdv1.Event) []Result
}

// Position is where in the ledger something comes from. Within one partition it orders all changes of a session, also
// over several challenges.
type Position struct {
	Partition int
	Seq       uint64
}

func (p Position) String() string {
	return strconv.Itoa(p.Partition) + ":" + strconv.FormatUint(p.Seq, 10)
}

// ParsePosition reads what String wrote.
func ParsePosition(s string) (p Position, ok bool) {
	part, seq, found := strings.Cut(s, ":")
	if !found {
		return p, false
	}
	n, err1 := strconv.Atoi(part)
	q, err2 := strconv.ParseUint(seq, 10, 64)
	return Position{n, q}, err1 == nil && err2 == nil
}
