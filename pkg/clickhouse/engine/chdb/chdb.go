// Package chdb binds libchdb, the ClickHouse engine as a shared library, without cgo.
//
// It is a thin layer: it turns C results into Go values and engine errors into [Exception],
// and knows nothing of HTTP, users or settings. One process holds one data path; connections
// to it are cheap (a third of a millisecond). A [Library] may be used by many goroutines at
// once, a [Conn] and what it hands out by one at a time.
package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Param is one value for a `{name:Type}` placeholder, in the engine's text form.
type Param struct{ Name, Value string }

// Library is a loaded libchdb. It cannot be unloaded.
type Library struct {
	version func() *byte

	connect func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	close   func(conn unsafe.Pointer)

	query  func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	stream func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	insert func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer

	fetch        func(conn, result unsafe.Pointer) unsafe.Pointer
	cancelStream func(conn, result unsafe.Pointer)

	appendInsert  func(insert, data unsafe.Pointer, size uintptr) int32
	doneInsert    func(insert unsafe.Pointer) unsafe.Pointer
	errorInsert   func(insert unsafe.Pointer) *byte
	cancelInsert  func(insert unsafe.Pointer)
	destroyInsert func(insert unsafe.Pointer)

	resultBuffer       func(result unsafe.Pointer) unsafe.Pointer
	resultLength       func(result unsafe.Pointer) uintptr
	resultError        func(result unsafe.Pointer) *byte
	resultRows         func(result unsafe.Pointer) uint64
	resultReadRows     func(result unsafe.Pointer) uint64
	resultReadBytes    func(result unsafe.Pointer) uint64
	resultWrittenRows  func(result unsafe.Pointer) uint64
	resultWrittenBytes func(result unsafe.Pointer) uint64
	destroyResult      func(result unsafe.Pointer)

	classify       func(conn, sql unsafe.Pointer, sqlLen uintptr, database unsafe.Pointer, databaseLen uintptr, out unsafe.Pointer) int32
	signalHandlers func(enabled int32)
}

// Open loads the library. The process keeps its own signal handlers. Loading takes about a
// second when the file is not in the page cache.
func Open(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", path, err)
	}
	l := &Library{}
	for name, function := range map[string]any{
		"chdb_version":                     &l.version,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.close,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.stream,
		"chdb_stream_insert_with_params_n": &l.insert,
		"chdb_stream_fetch_result":         &l.fetch,
		"chdb_stream_cancel_query":         &l.cancelStream,
		"chdb_stream_append":               &l.appendInsert,
		"chdb_stream_done":                 &l.doneInsert,
		"chdb_stream_insert_error":         &l.errorInsert,
		"chdb_stream_cancel_insert":        &l.cancelInsert,
		"chdb_destroy_insert_stream":       &l.destroyInsert,
		"chdb_result_buffer":               &l.resultBuffer,
		"chdb_result_length":               &l.resultLength,
		"chdb_result_error":                &l.resultError,
		"chdb_result_rows_read":            &l.resultRows,
		"chdb_result_storage_rows_read":    &l.resultReadRows,
		"chdb_result_storage_bytes_read":   &l.resultReadBytes,
		"chdb_result_rows_written":         &l.resultWrittenRows,
		"chdb_result_bytes_written":        &l.resultWrittenBytes,
		"chdb_destroy_query_result":        &l.destroyResult,
		"chdb_classify_query_n":            &l.classify,
		"chdb_set_signal_handlers_enabled": &l.signalHandlers,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("loading %s: it lacks %s, so it is not of the pinned version: %w", path, name, err)
		}
		purego.RegisterFunc(function, symbol)
	}
	l.signalHandlers(0)
	return l, nil
}

// Version is the library's own version, such as 26.7.2.1.
func (l *Library) Version() string { return text(l.version()) }

// ErrRefused means that the engine refused a connection: another process has the path open,
// the path is damaged, or an argument is wrong. The engine says which on its standard error.
var ErrRefused = errors.New("the engine refused the connection")

// Connect opens a connection. The first one boots the engine on `--path=DIR` with its other
// arguments; when the last one closes, the engine stops. Later ones must name the same path.
func (l *Library) Connect(arguments ...string) (*Conn, error) {
	argv := make([]*byte, 0, len(arguments)+2)
	for _, argument := range append([]string{"chdb"}, arguments...) {
		argv = append(argv, &append([]byte(argument), 0)[0])
	}
	argv = append(argv, nil)
	handle := l.connect(int32(len(arguments)+1), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if handle == nil || *(*unsafe.Pointer)(handle) == nil {
		return nil, ErrRefused
	}
	return &Conn{library: l, handle: handle, conn: *(*unsafe.Pointer)(handle)}, nil
}

// text copies a C string.
func text(c *byte) string {
	if c == nil {
		return ""
	}
	n := 0
	for p := unsafe.Pointer(c); *(*byte)(unsafe.Add(p, n)) != 0; n++ {
	}
	return string(unsafe.Slice(c, n))
}

// pointer is the address of a string's bytes; C never sees nil for an empty one.
func pointer(s string) unsafe.Pointer {
	if s == "" {
		return unsafe.Pointer(&empty)
	}
	return unsafe.Pointer(unsafe.StringData(s))
}

var empty byte

// params lays out parameters the way the C calls take them.
type params struct {
	names, values         []unsafe.Pointer
	nameLens, valueLens   []uintptr
	pnames, pvalues       unsafe.Pointer
	pnameLens, pvalueLens unsafe.Pointer
	keep                  []Param
}

func layout(list []Param) *params {
	p := &params{keep: list}
	if len(list) == 0 {
		return p
	}
	for _, one := range list {
		p.names = append(p.names, pointer(one.Name))
		p.nameLens = append(p.nameLens, uintptr(len(one.Name)))
		p.values = append(p.values, pointer(one.Value))
		p.valueLens = append(p.valueLens, uintptr(len(one.Value)))
	}
	p.pnames, p.pvalues = unsafe.Pointer(&p.names[0]), unsafe.Pointer(&p.values[0])
	p.pnameLens, p.pvalueLens = unsafe.Pointer(&p.nameLens[0]), unsafe.Pointer(&p.valueLens[0])
	return p
}
