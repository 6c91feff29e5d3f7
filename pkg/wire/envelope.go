package wire

import (
	"strings"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Media types riskd reads.
const (
	MediaProtobuf   = "application/protobuf"
	MediaJSON       = "application/json"
	MediaCloudEvent = "application/cloudevents+json"
	MediaBatch      = "application/cloudevents-batch+json"
)

type form uint8

const (
	formUnknown form = iota
	formProtobuf
	formData     // JSON of data; the envelope holds the attributes
	formEnvelope // structured or flat JSON
)

func formOf(env Envelope, data []byte) form {
	switch MediaType(env.ContentType) {
	case MediaProtobuf, "application/x-protobuf", "application/vnd.google.protobuf":
		return formProtobuf
	case MediaCloudEvent:
		return formEnvelope
	case MediaJSON, "text/json":
		return jsonForm(env)
	case "":
		// '{' would be a protobuf group, which no riskd message has.
		if b := strings.TrimLeft(alias(data[:min(len(data), 64)]), " \t\r\n"); b != "" && b[0] == '{' {
			return jsonForm(env)
		}
		return formProtobuf
	}
	return formUnknown
}

// jsonForm: attributes outside the payload mean that the payload is data alone.
func jsonForm(env Envelope) form {
	if env.ID == "" && env.Type == "" && env.Source == "" {
		return formEnvelope
	}
	return formData
}

// MediaType is the lower-case media type of a Content-Type value without its parameters.
func MediaType(contentType string) string {
	if contentType == MediaProtobuf { // what riskd's own publishers say
		return MediaProtobuf
	}
	if i := strings.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	contentType = strings.TrimSpace(contentType)
	for i := 0; i < len(contentType); i++ {
		if c := contentType[i]; c >= 'A' && c <= 'Z' {
			return strings.ToLower(contentType)
		}
	}
	return contentType
}

func applyEnvelope(env Envelope, ev *riskdv1.Event) error {
	if env.ID != "" {
		ev.Id = unescape(env.ID)
	}
	if env.Source != "" {
		ev.Source = unescape(env.Source)
	}
	if env.Type != "" {
		ev.Type = unescape(env.Type)
	}
	if env.Time != "" {
		ms, ok := parseTime(unescape(env.Time))
		if !ok {
			return invalid(ReasonBadValue, "time: want RFC 3339")
		}
		ev.TimeMs = ms
	}
	return nil
}

// unescape undoes the percent-encoding of the NATS, Kafka and HTTP bindings. A value that is not
// percent-encoded text was written by a client that does not encode, and stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return s
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi > 15 || lo > 15 {
			return s
		}
		out = append(out, hi<<4|lo)
		i += 2
	}
	return string(out)
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// copyMark is the parameter of the content type of what a bridge copied from another broker: parameters are ignored by whoever reads it.
const copyMark = "; via=riskd-bridge"

// AsCopy marks a content type as that of a bridge's copy.
func AsCopy(contentType string) string { return contentType + copyMark }

// IsCopy tells whether a bridge copied what has this content type.
func IsCopy(contentType string) bool { return strings.HasSuffix(contentType, copyMark) }
