package chdb

import (
	"errors"
	"io"
	"runtime"
	"unsafe"
)

// Progress counts what a statement has read and written so far.
type Progress struct {
	ReadRows, ReadBytes       uint64
	WrittenRows, WrittenBytes uint64 // with what views wrote
	ResultRows                uint64
}

// Add sums two counts.
func (p *Progress) Add(q Progress) {
	p.ReadRows += q.ReadRows
	p.ReadBytes += q.ReadBytes
	p.WrittenRows += q.WrittenRows
	p.WrittenBytes += q.WrittenBytes
	p.ResultRows += q.ResultRows
}

// Result is output in the engine's memory.
type Result struct {
	library *Library
	handle  unsafe.Pointer
	data    []byte
}

// result wraps a handle, or turns the error in it into an [Exception] and frees it.
func (l *Library) result(handle unsafe.Pointer) (*Result, error) {
	if handle == nil {
		return nil, &Exception{Code: noCode, Message: "the engine gave no result"}
	}
	if message := l.resultError(handle); message != nil {
		err := ParseException(text(message))
		l.destroyResult(handle)
		return nil, err
	}
	r := &Result{library: l, handle: handle}
	if n := l.resultLength(handle); n > 0 {
		r.data = unsafe.Slice((*byte)(l.resultBuffer(handle)), n)
	}
	return r, nil
}

// Bytes is the output. It is the engine's memory, valid until Free.
func (r *Result) Bytes() []byte { return r.data }

// Progress tells what the statement did.
func (r *Result) Progress() Progress {
	return Progress{
		ReadRows:     r.library.resultReadRows(r.handle),
		ReadBytes:    r.library.resultReadBytes(r.handle),
		WrittenRows:  r.library.resultWrittenRows(r.handle),
		WrittenBytes: r.library.resultWrittenBytes(r.handle),
		ResultRows:   r.library.resultRows(r.handle),
	}
}

// Free gives the memory back.
func (r *Result) Free() {
	if r.handle != nil {
		r.library.destroyResult(r.handle)
		r.handle, r.data = nil, nil
	}
}

// Stream is a running SELECT.
type Stream struct {
	conn   *Conn
	handle unsafe.Pointer
	ended  bool
}

// Next blocks for the next piece of output and returns io.EOF after the last. The caller
// frees each piece. Nothing but a KILL QUERY from another connection ends a blocked Next.
func (s *Stream) Next() (*Result, error) {
	if s.ended {
		return nil, io.EOF
	}
	piece, err := s.conn.library.result(s.conn.library.fetch(s.conn.conn, s.handle))
	if err != nil {
		s.ended = true
		return nil, err
	}
	if len(piece.data) == 0 {
		s.ended = true
		piece.Free()
		return nil, io.EOF
	}
	return piece, nil
}

// Close cancels what is still running and frees the stream.
func (s *Stream) Close() {
	if s.handle == nil {
		return
	}
	if !s.ended {
		s.conn.library.cancelStream(s.conn.conn, s.handle)
	}
	s.conn.library.destroyResult(s.handle)
	s.handle, s.ended = nil, true
}

// Insert is a running INSERT. Nothing is kept until Finish, apart from blocks that the engine
// had to write because the data went beyond one insert block.
type Insert struct {
	library  *Library
	handle   unsafe.Pointer
	finished bool
}

// Append adds data; it may block until the engine has taken it. The bytes are copied.
func (i *Insert) Append(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	state := i.library.appendInsert(i.handle, unsafe.Pointer(&data[0]), uintptr(len(data)))
	runtime.KeepAlive(data)
	if state == 0 {
		return nil
	}
	if err := i.failure(); err != nil {
		return err
	}
	// The engine stopped reading; its reason comes with Finish.
	return errStopped
}

var errStopped = errors.New("the engine stopped reading the data")

// Stopped tells whether an error of Append means that the reason is to be had from Finish.
func Stopped(err error) bool { return errors.Is(err, errStopped) }

// Finish commits.
func (i *Insert) Finish() (Progress, error) {
	i.finished = true
	result, err := i.library.result(i.library.doneInsert(i.handle))
	if err != nil {
		return Progress{}, err
	}
	defer result.Free()
	return result.Progress(), nil
}

// Close frees the insert, and cancels it unless it was finished.
func (i *Insert) Close() {
	if i.handle == nil {
		return
	}
	if !i.finished {
		i.library.cancelInsert(i.handle)
	}
	i.library.destroyInsert(i.handle)
	i.handle = nil
}

func (i *Insert) failure() error {
	if message := i.library.errorInsert(i.handle); message != nil {
		return ParseException(text(message))
	}
	return nil
}
