package bridge

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// statement is what the bridge must know of a text before it hands it to the engine. The
// engine parses it properly; this finds only where an INSERT's data begins, which output
// format was asked for, and what the engine would do on its own disk for the client.
type statement struct {
	// verb is the first keyword in upper case: SELECT, INSERT, CREATE...
	verb string
	// format is the FORMAT at the end of a statement, "" when there is none.
	format string
	// profiled tells whether it may ask for another settings profile: profile = something.
	profiled bool
	// refused is why the statement must not run, nil when it may.
	refused *chdb.Exception
}

// examine reads a whole statement that is not an INSERT with data.
func examine(sql string) statement {
	var s statement
	var last, before token
	lex := lexer{text: sql}
	for depth := 0; ; {
		t := lex.next()
		if t.kind == tokenEnd {
			return s
		}
		if s.verb == "" && t.kind == tokenWord {
			s.verb = strings.ToUpper(t.text)
		}
		if s.refused == nil {
			s.refused = refusal(before, last, t)
		}
		if t.kind == tokenPunct && t.text == "=" && last.names("profile") {
			s.profiled = true
		}
		switch {
		case t.kind == tokenPunct && t.text == "(":
			depth++
		case t.kind == tokenPunct && t.text == ")":
			depth--
		case depth == 0 && last.is("FORMAT") && before.kind != tokenNone && (t.kind == tokenWord || t.kind == tokenName):
			s.format = t.text
		}
		before, last = last, t
	}
}

// refusal finds what reads or writes files on behalf of the client. Rights of the engine's
// user and the sandbox of its process stand behind it; what is refused here is what the rights do not
// cover, since the engine does it as if it were the client itself.
func refusal(before, last, t token) *chdb.Exception {
	switch {
	case last.is("INTO") && t.is("OUTFILE"), last.is("FROM") && t.is("INFILE"):
		return exception(codeSupportDisabled, "%s %s is not allowed over HTTP", last.text, t.text)
	case t.kind == tokenPunct && t.text == "(" && last.is("input"):
		// It would run, and drop the data that came along.
		return exception(codeNotImplemented, "table function input is not supported by the embedded engine: insert the data first")
	case t.kind == tokenPunct && t.text == "(" && last.names("file"):
		return exception(codeAccessDenied, "function file is not allowed: it reads files of the machine")
	}
	return nil
}

// insertion is how far an INSERT reaches and what follows.
type insertion struct {
	// head is the statement up to and without FORMAT or VALUES.
	head string
	// format is the format of the data that follows.
	format string
	// data is where in the text the data begins.
	data int
}

// scanState is the outcome of splitInsert.
type scanState int

const (
	notInsert  scanState = iota // some other statement, or an INSERT ... SELECT
	isInsert                    // an INSERT with data
	incomplete                  // the text ended before it could be told
)

// splitInsert finds where the data of an INSERT begins. Behind that point nothing is read:
// it may be binary.
func splitInsert(text string) (insertion, scanState, *chdb.Exception) {
	lex := lexer{text: text}
	t := lex.next()
	if t.kind == tokenEnd {
		return insertion{}, incomplete, nil
	}
	if !t.is("INSERT") {
		return insertion{}, notInsert, nil
	}
	t = lex.next()
	if t.is("INTO") {
		t = lex.next()
	}
	if t.is("TABLE") {
		t = lex.next()
	}
	if !t.is("FUNCTION") {
		// The table's name, whatever it is called, even format or values.
		for {
			after := lex.peek()
			if after.kind != tokenPunct || after.text != "." {
				break
			}
			lex.next()
			lex.next()
		}
	}
	last, depth := t, 0
	for {
		start := lex.pos
		t = lex.next()
		switch {
		case t.kind == tokenEnd:
			return insertion{}, incomplete, nil
		case t.kind == tokenPunct && t.text == "(":
			depth++
		case t.kind == tokenPunct && t.text == ")":
			depth--
		case last.is("FROM") && t.is("INFILE"):
			return insertion{}, notInsert, exception(codeSupportDisabled, "FROM INFILE is not allowed over HTTP")
		case t.is("SELECT") || t.is("WITH") || t.is("WATCH"):
			if depth == 0 || last.kind == tokenPunct && last.text == "(" {
				return insertion{}, notInsert, nil
			}
		case depth == 0 && t.is("VALUES"):
			return insertion{head: text[:start], format: "Values", data: lex.pos}, isInsert, nil
		case depth == 0 && t.is("FORMAT"):
			name := lex.next()
			if name.kind == tokenEnd || lex.pos == len(text) && lex.pos > 0 && isWordByte(text[lex.pos-1]) {
				// The name may go on in what was not read yet.
				if name.kind == tokenWord {
					return insertion{head: text[:start], format: name.text, data: len(text)}, incomplete, nil
				}
				return insertion{}, incomplete, nil
			}
			if name.kind != tokenWord && name.kind != tokenName || name.text == "" {
				return insertion{}, notInsert, nil
			}
			return insertion{head: text[:start], format: name.text, data: dataStart(text, lex.pos)}, isInsert, nil
		}
		last = t
	}
}

// dataStart skips what may stand between the format's name and the data: blanks and one line
// end, as the engine's own parser does.
func dataStart(text string, pos int) int {
	skipBlanks := func() {
		for pos < len(text) && (text[pos] == ' ' || text[pos] == '\t' || text[pos] == '\f') {
			pos++
		}
	}
	skipBlanks()
	if pos < len(text) && text[pos] == ';' {
		pos++
		skipBlanks()
	}
	if pos < len(text) && text[pos] == '\r' {
		pos++
	}
	if pos < len(text) && text[pos] == '\n' {
		pos++
	}
	return pos
}
