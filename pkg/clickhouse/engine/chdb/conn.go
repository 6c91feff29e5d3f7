package chdb

import (
	"runtime"
	"unsafe"
)

// Conn is a connection: a session with its own settings, current database and temporary
// tables. It runs one statement at a time.
type Conn struct {
	library *Library
	handle  unsafe.Pointer // for close
	conn    unsafe.Pointer // for everything else
}

// Close ends the session. What the connection handed out must be closed before.
func (c *Conn) Close() {
	if c.handle != nil {
		c.library.close(c.handle)
		c.handle, c.conn = nil, nil
	}
}

// Query runs a statement to its end and returns all of its output in one piece. The caller
// frees the result.
func (c *Conn) Query(sql, format string, list ...Param) (*Result, error) {
	p := layout(list)
	handle := c.library.query(c.conn, pointer(sql), uintptr(len(sql)), pointer(format), uintptr(len(format)),
		p.pnames, p.pnameLens, p.pvalues, p.pvalueLens, uintptr(len(list)))
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	runtime.KeepAlive(p)
	return c.library.result(handle)
}

// Exec runs a statement whose output nobody wants.
func (c *Conn) Exec(sql string, list ...Param) error {
	result, err := c.Query(sql, "Null", list...)
	if err != nil {
		return err
	}
	result.Free()
	return nil
}

// Text runs a query of one value and returns it as text.
func (c *Conn) Text(sql string, list ...Param) (string, error) {
	result, err := c.Query(sql, "TSVRaw", list...)
	if err != nil {
		return "", err
	}
	defer result.Free()
	data := result.Bytes()
	for len(data) > 0 && data[len(data)-1] == '\n' {
		data = data[:len(data)-1]
	}
	return string(data), nil
}

// Stream starts a SELECT whose output is fetched in pieces. Other statements fail with code
// 36. The caller closes the stream.
func (c *Conn) Stream(sql, format string, list ...Param) (*Stream, error) {
	p := layout(list)
	handle := c.library.stream(c.conn, pointer(sql), uintptr(len(sql)), pointer(format), uintptr(len(format)),
		p.pnames, p.pnameLens, p.pvalues, p.pvalueLens, uintptr(len(list)))
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	runtime.KeepAlive(p)
	if _, err := c.library.result(handle); err != nil {
		return nil, err
	}
	return &Stream{conn: c, handle: handle}, nil
}

// Insert starts an INSERT whose data, in the given input format, is appended in pieces. The
// statement has neither FORMAT nor VALUES. The caller closes the insert.
func (c *Conn) Insert(sql, format string, list ...Param) (*Insert, error) {
	p := layout(list)
	handle := c.library.insert(c.conn, pointer(sql), uintptr(len(sql)), pointer(format), uintptr(len(format)),
		p.pnames, p.pnameLens, p.pvalues, p.pvalueLens, uintptr(len(list)))
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	runtime.KeepAlive(p)
	if handle == nil {
		return nil, &Exception{Code: noCode, Message: "the engine gave no insert stream"}
	}
	insert := &Insert{library: c.library, handle: handle}
	if err := insert.failure(); err != nil {
		insert.Close()
		return nil, err
	}
	return insert, nil
}

// Class is what a statement does to state that outlives it.
type Class uint32

// Classes, as the engine's own parser finds them.
const (
	// ReadOnly leaves no trace.
	ReadOnly Class = iota
	// Write changes a database.
	Write
	// GlobalWrite changes something beside the databases: functions, users.
	GlobalWrite
	// Control is SET, USE, SYSTEM, KILL, ATTACH, BACKUP and all that leaves the engine.
	Control
	// Unknown did not parse.
	Unknown
)

// Analysis is what the parser found in a text.
type Analysis struct {
	// Statements is how many there are; 0 when the text did not parse.
	Statements int
	// Class is the most restricted class among them.
	Class Class
}

// Analyze parses a text without running it.
func (c *Conn) Analyze(sql string) (Analysis, error) {
	out := struct{ size, statements, flags, class uint32 }{size: 16}
	state := c.library.classify(c.conn, pointer(sql), uintptr(len(sql)), nil, 0, unsafe.Pointer(&out))
	runtime.KeepAlive(sql)
	if state != 0 {
		return Analysis{}, &Exception{Code: noCode, Message: "the engine could not analyze the statement"}
	}
	return Analysis{Statements: int(out.statements), Class: Class(out.class)}, nil
}
