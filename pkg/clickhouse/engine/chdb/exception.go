package chdb

import (
	"regexp"
	"strconv"
	"strings"
)

// Exception is an error that the engine reports, with ClickHouse's own code and name.
type Exception struct {
	// Code is ClickHouse's error code, such as 60. It is 1001 (STD_EXCEPTION) when the engine
	// gave none.
	Code int
	// Name is the code's name, such as UNKNOWN_TABLE. It may be empty.
	Name string
	// Message is the text without code and name.
	Message string
}

// Text is the form in which a ClickHouse server sends errors.
func (e *Exception) Text() string {
	text := "Code: " + strconv.Itoa(e.Code) + ". DB::Exception: " + e.Message
	if e.Name != "" {
		text += " (" + e.Name + ")"
	}
	return text
}

func (e *Exception) Error() string { return e.Text() }

// noCode is ClickHouse's own code for errors from outside of it.
const noCode = 1001

var (
	codePrefix = regexp.MustCompile(`^(?:Received exception[^\n]*\n)?Code: (\d+)\. `)
	nameSuffix = regexp.MustCompile(`\s*\(([A-Z][A-Z0-9_]+)\)(?: \(version [^)]*(?:\([^)]*\))?\))?\.?\s*$`)
)

// ParseException reads the engine's error text.
func ParseException(text string) *Exception {
	e := &Exception{Code: noCode, Message: strings.TrimSpace(text)}
	prefix := codePrefix.FindStringSubmatch(e.Message)
	if prefix == nil {
		return e
	}
	if code, err := strconv.ParseInt(prefix[1], 10, 32); err == nil && code > 0 {
		e.Code = int(code)
	}
	e.Message = strings.TrimPrefix(e.Message[len(prefix[0]):], "DB::Exception: ")
	if suffix := nameSuffix.FindStringSubmatchIndex(e.Message); suffix != nil {
		e.Name = e.Message[suffix[2]:suffix[3]]
		e.Message = e.Message[:suffix[0]]
	}
	return e
}
