// Package native inserts columns into ClickHouse over HTTP in its Native format, several times cheaper than clickhouse-go's
// batches, which box every value. It is for those who insert much: a table's columns as Go slices, one block a call.
//
// Only HTTP is spoken; over a server's native port use clickhouse-go. A Client is safe for concurrent use.
package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
)

// Column is a column's name and its values, one per row: a slice of the Go type that belongs to the column's type
// (string, the numbers, bool, netip.Addr for IPv6, int64 milliseconds for DateTime64(3), slices for arrays,
// map[string]string for maps).
type Column struct {
	Name   string
	Values any
}

// Error is the server's answer to an insert that it refused.
type Error struct {
	// Code is ClickHouse's, 0 when it did not say one.
	Code int
	// Status is HTTP's.
	Status int
	// Message is the beginning of what it said.
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("ClickHouse answered %d: %s", e.Status, e.Message)
}

// Client inserts into one database.
type Client struct {
	base     url.URL
	user     string
	password string
	database string
	http     *http.Client

	mu    sync.Mutex
	types map[string]map[string]string // by table and column
}

// ErrProtocol is returned for options that do not speak plain HTTP to one server.
var ErrProtocol = errors.New("native inserts need HTTP without TLS and one address")

// New makes a client of the same options that clickhouse-go takes.
func New(opt *clickhouse.Options) (*Client, error) {
	if opt.Protocol != clickhouse.HTTP || opt.TLS != nil || len(opt.Addr) != 1 {
		return nil, ErrProtocol
	}
	return &Client{
		base: url.URL{Scheme: "http", Host: opt.Addr[0], Path: opt.HttpUrlPath}, user: opt.Auth.Username, password: opt.Auth.Password, database: opt.Auth.Database,
		http:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}},
		types: map[string]map[string]string{},
	}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

var buffers = sync.Pool{New: func() any { return new(proto.Buffer) }}

// Insert sends one block. It returns when the server has it, or an *Error when the server refused it.
func (c *Client) Insert(ctx context.Context, table string, columns []Column, settings map[string]string) error {
	types, err := c.describe(ctx, table)
	if err != nil {
		return err
	}
	names := make([]string, len(columns))
	input := make([]proto.InputColumn, len(columns))
	rows := 0
	for i, column := range columns {
		typ, ok := types[column.Name]
		if !ok {
			return fmt.Errorf("inserting into %s: it has no column %s", table, column.Name)
		}
		data, err := encode(typ, column.Values)
		if err != nil {
			return fmt.Errorf("inserting into %s, column %s: %w", table, column.Name, err)
		}
		if rows = data.Rows(); rows != input0(input, i, rows) {
			return fmt.Errorf("inserting into %s: column %s has %d rows, the first %d", table, column.Name, rows, input[0].Data.Rows())
		}
		names[i], input[i] = "`"+column.Name+"`", proto.InputColumn{Name: column.Name, Data: data}
	}
	buf := buffers.Get().(*proto.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := (proto.Block{Columns: len(input), Rows: rows}).EncodeRawBlock(buf, 0, input); err != nil {
		return fmt.Errorf("inserting into %s: %w", table, err)
	}
	_, err = c.do(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") FORMAT Native", settings, buf.Buf)
	if err != nil {
		return fmt.Errorf("inserting into %s: %w", table, err)
	}
	return nil
}

// input0 is how many rows the first column has, or n for the first itself.
func input0(input []proto.InputColumn, i, n int) int {
	if i == 0 {
		return n
	}
	return input[0].Data.Rows()
}

// describe asks for a table's column types, once.
func (c *Client) describe(ctx context.Context, table string) (map[string]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.types[table]; ok {
		return t, nil
	}
	answer, err := c.do(ctx, "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} FORMAT TSVRaw", map[string]string{"param_table": table}, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for the columns of %s: %w", table, err)
	}
	types := map[string]string{}
	for line := range strings.Lines(answer) {
		if name, typ, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			types[name] = typ
		}
	}
	if len(types) > 0 {
		c.types[table] = types
	}
	return types, nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

func (c *Client) do(ctx context.Context, query string, parameters map[string]string, body []byte) (string, error) {
	u := c.base
	values := url.Values{"query": {query}, "database": {c.database}}
	for k, v := range parameters {
		values.Set(k, v)
	}
	u.RawQuery = values.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("X-ClickHouse-User", c.user)
	req.Header.Set("X-ClickHouse-Key", c.password)
	answer, err := c.http.Do(req)
	if err != nil {
		return "", errors.Unwrap(err) // without the address and the query
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	code := answer.Header.Get("X-ClickHouse-Exception-Code")
	if answer.StatusCode != http.StatusOK || code != "" {
		e := &Error{Status: answer.StatusCode, Message: strings.TrimSpace(string(text[:min(len(text), 2000)]))}
		_, _ = fmt.Sscan(code, &e.Code) // 0 when there is none
		return "", e
	}
	return string(text), nil
}
