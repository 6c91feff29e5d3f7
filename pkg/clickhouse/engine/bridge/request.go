package bridge

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// request is what a client asks for, apart from the statement itself.
type request struct {
	query    string // the query parameter
	id       string // the query's id
	database string
	format   string // default output format
	settings []setting
	params   []chdb.Param
	external []externalTable

	session    string
	parameters url.Values // all of them
	end        bool       // close the session afterwards
	revision   uint64     // of Native answers
	framed     bool       // answer in ClickHouse's own compression
	method     string     // and how to compress it
	encoding   string     // or in HTTP's
	hold       bool       // send nothing before the query has ended
	readonly   bool
	reads      bool     // its user may only read
	limits     []string // statements that see to that user's limits

	body io.Reader // decoded
	free func()
}

// setting is one engine setting of a request.
type setting struct{ name, value string }

// notSettings are parameters that mean something to the HTTP interface alone.
var notSettings = map[string]bool{
	"query": true, "query_id": true, "database": true, "default_format": true,
	"user": true, "password": true, "quota_key": true, "role": true, "stacktrace": true,
	"compress": true, "decompress": true, "buffer_size": true, "wait_end_of_query": true,
	"session_id": true, "session_timeout": true, "session_check": true, "close_session": true,
	"client_protocol_version": true, "readonly": true, tagSetting: true, // these two are applied by the bridge
}

const (
	defaultFormat = "TabSeparated"
	maxIDBytes    = 256
)

// parseRequest reads everything but the body's content.
func (b *Bridge) parseRequest(w http.ResponseWriter, r *http.Request, parameters url.Values, external []externalTable) (*request, error) {
	q := &request{
		query:    parameters.Get("query"),
		id:       first(parameters.Get("query_id"), r.Header.Get("X-ClickHouse-Query-Id")),
		database: first(parameters.Get("database"), r.Header.Get("X-ClickHouse-Database")),
		format:   first(parameters.Get("default_format"), r.Header.Get("X-ClickHouse-Format"), defaultFormat),
		external: external,
		session:  parameters.Get("session_id"), parameters: parameters,
		end:      flag(parameters.Get("close_session")),
		framed:   flag(parameters.Get("compress")),
		method:   parameters.Get("network_compression_method"),
		hold:     flag(parameters.Get("wait_end_of_query")),
		readonly: r.Method == http.MethodGet || r.Method == http.MethodHead,
		free:     func() {},
	}
	if q.id == "" {
		q.id = uuid.NewString()
	}
	for name, text := range map[string]string{"query_id": q.id, "session_id": q.session} {
		if len(text) > maxIDBytes || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
			return nil, exception(codeBadArguments, "%s must be at most %d printable ASCII characters", name, maxIDBytes)
		}
	}
	if !plainWord(q.format) {
		return nil, exception(codeBadArguments, "%q is not a format", q.format)
	}
	if text := parameters.Get("client_protocol_version"); text != "" {
		revision, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, exception(codeBadArguments, "client_protocol_version %q is not a number", text)
		}
		q.revision = revision
	}
	if text := parameters.Get("enable_http_compression"); text == "" || flag(text) {
		q.encoding = chooseEncoding(strings.Join(r.Header.Values("Accept-Encoding"), ","))
	}
	if err := q.parseSettings(parameters, b.cfg.MaxParameters); err != nil {
		return nil, err
	}
	return q, q.openBody(w, r, parameters)
}

// parseSettings takes every parameter that is nothing else for a setting, as a server does.
func (q *request) parseSettings(parameters url.Values, most int) error {
	for name, values := range parameters {
		value := values[len(values)-1]
		if param, ok := strings.CutPrefix(name, "param_"); ok {
			q.params = append(q.params, chdb.Param{Name: param, Value: value})
			continue
		}
		if notSettings[name] || slices.ContainsFunc(q.external, func(t externalTable) bool { return t.owns(name) }) {
			continue
		}
		if !plainName(name) {
			return exception(codeUnknownSetting, "Unknown setting '%s'", name)
		}
		q.settings = append(q.settings, setting{name, value})
	}
	if len(q.settings)+len(q.params) > most {
		return exception(codeBadArguments, "too many parameters: the maximum is %d", most)
	}
	slices.SortFunc(q.settings, func(x, y setting) int { return strings.Compare(x.name, y.name) })
	if value := parameters.Get("readonly"); value != "" {
		q.settings = append(q.settings, setting{"readonly", value})
	} else if q.readonly {
		// A server lets GET change nothing but settings: readonly = 2.
		q.settings = append(q.settings, setting{"readonly", "2"})
	}
	return nil
}

func (q *request) openBody(w http.ResponseWriter, r *http.Request, parameters url.Values) error {
	if r.Body == nil || len(q.external) > 0 {
		q.body = bytes.NewReader(nil)
		return nil
	}
	body, free, err := decodeBody(&patientReader{control: http.NewResponseController(w), body: r.Body}, r.Header.Get("Content-Encoding"))
	if err != nil {
		return err
	}
	q.body, q.free = body, free
	if flag(parameters.Get("decompress")) {
		frames := newFrameReader(body)
		q.body, q.free = frames, func() {
			_ = frames.Close() // frees memory only
			free()
		}
	}
	return nil
}

// statementText joins the query parameter and as much of the body as belongs to the
// statement. For an INSERT with data it stops there: the rest of the body stays unread.
func (q *request) statementText(most int64) (text string, insert *insertion, whole bool, err error) {
	head := q.query
	if head != "" {
		head += "\n"
	}
	buffer := append(make([]byte, 0, len(head)+textStep), head...)
	for step := textStep; ; step *= 4 {
		ended, err := readUpTo(q.body, &buffer, step)
		if err != nil {
			return "", nil, false, exception(codeCannotReadAll, "reading the request: %v", err)
		}
		found, state, refused := splitInsert(string(buffer))
		if refused != nil {
			return "", nil, false, refused
		}
		if state == isInsert || state == incomplete && ended && found.format != "" {
			return string(buffer), &found, ended, nil
		}
		if ended {
			return string(buffer), nil, true, nil
		}
		if int64(len(buffer)) > most {
			return "", nil, false, exception(codeQueryTooLarge, "the query is longer than %d bytes", most)
		}
	}
}

// textStep is how much of a body is read at first to see what statement it is.
const textStep = 64 << 10

// readUpTo appends at most n bytes and tells whether the reader has ended.
func readUpTo(from io.Reader, buffer *[]byte, n int) (ended bool, err error) {
	start := len(*buffer)
	*buffer = slices.Grow(*buffer, n)
	for len(*buffer) < start+n {
		got, err := from.Read((*buffer)[len(*buffer) : start+n])
		*buffer = (*buffer)[:len(*buffer)+got]
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

func flag(value string) bool { return value == "1" || value == "true" }

func plainWord(text string) bool {
	return text != "" && len(text) <= 64 && plainTag(text)
}

// plainName is a word with dots, as settings of merge trees have.
func plainName(text string) bool {
	return text != "" && len(text) <= 128 && plainTag(strings.ReplaceAll(text, ".", "_")) && !strings.HasPrefix(text, ".")
}

// quote writes a string literal.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`).Replace(text) + "'"
}

// quoteName writes an identifier.
func quoteName(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`", "\x00", `\0`).Replace(name) + "`"
}
