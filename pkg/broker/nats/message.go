package natsjs

import (
	"bytes"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/wire"
)

// Message is one stored message as a [Tail] reads it.
type Message struct {
	// Seq is its stream sequence.
	Seq uint64
	// StoredNS is when the broker stored it, Unix nanoseconds.
	StoredNS int64
	// Data is nobody's else until its tail is told that it is [Tail.Done]. Who keeps a part of it for long keeps its neighbours in memory too,
	// up to 64 KiB.
	Data []byte
	// Pending is how many messages of the stream came after it when it was sent.
	Pending uint64

	// What came through the client library has lib; what a tap took has head: the subject, of so many bytes, and the
	// headers as they were sent.
	lib     *nats.Msg
	head    []byte
	subject int
	// ours: the headers are those of riskd's own publishers.
	ours bool
}

// Subject is the one it was stored under.
func (m *Message) Subject() string {
	if m.lib != nil {
		return m.lib.Subject
	}
	return string(m.head[:m.subject])
}

// Header reads the headers, at every call anew. A block that is not well-formed has none.
func (m *Message) Header() nats.Header {
	if m.lib != nil {
		return m.lib.Header
	}
	block := m.head[m.subject:]
	if len(block) == 0 {
		return nil
	}
	h, err := nats.DecodeHeadersMsg(block)
	if err != nil {
		return nil
	}
	return h
}

// Envelope reads the CloudEvents attributes in the headers.
func (m *Message) Envelope() wire.Envelope {
	if m.ours {
		return wire.Envelope{ContentType: ContentTypeEvent}
	}
	return Envelope(m.Header())
}

// The two headers that riskd's own publishers write, in any order.
var (
	headFirst = []byte("NATS/1.0\r\n")
	headMedia = []byte(HeaderContentType + ": " + ContentTypeEvent + "\r\n")
	headID    = []byte(jetstream.MsgIDHeader + ":")
)

// ofOurs tells, without parsing them, that the headers are those of riskd's own publishers: nearly always they are, and
// a map of them cost more than the event's decoding.
func ofOurs(block []byte) bool {
	rest, ok := bytes.CutPrefix(block, headFirst)
	if !ok {
		return false
	}
	rest, media := bytes.CutPrefix(rest, headMedia)
	if !bytes.HasPrefix(rest, headID) {
		return false
	}
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		return false
	}
	rest = rest[end+1:]
	if !media {
		rest, media = bytes.CutPrefix(rest, headMedia)
	}
	return media && len(rest) == 2 && rest[0] == '\r' && rest[1] == '\n'
}

// Envelope reads the CloudEvents attributes in a message's headers.
func Envelope(h nats.Header) wire.Envelope {
	if len(h) == 0 {
		return wire.Envelope{}
	}
	return wire.Envelope{ContentType: header(h, HeaderContentType, "Content-Type", "ce-datacontenttype"),
		ID: header(h, "ce-id"), Source: header(h, "ce-source"), Type: header(h, "ce-type"), Time: header(h, "ce-time")}
}

// header is the first of the names that has a value.
func header(h nats.Header, names ...string) string {
	for _, n := range names {
		if v := h[n]; len(v) > 0 && v[0] != "" {
			return v[0]
		}
	}
	return ""
}
