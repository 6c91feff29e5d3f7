package bridge

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestWhereTheDataOfAnInsertBegins(t *testing.T) {
	for text, want := range map[string]struct {
		head, format, data string
		state              scanState
	}{
		"INSERT INTO t FORMAT CSV\n1,2":                         {"INSERT INTO t", "CSV", "1,2", isInsert},
		"INSERT INTO t FORMAT CSV 1,2":                          {"INSERT INTO t", "CSV", "1,2", isInsert},
		"INSERT INTO t FORMAT CSV\r\n1,2":                       {"INSERT INTO t", "CSV", "1,2", isInsert},
		"INSERT INTO t FORMAT CSV;\n1,2":                        {"INSERT INTO t", "CSV", "1,2", isInsert},
		"INSERT INTO t FORMAT TSV\n\n1":                         {"INSERT INTO t", "TSV", "\n1", isInsert},
		"INSERT INTO t FORMAT Native\n\x00\x01'`":               {"INSERT INTO t", "Native", "\x00\x01'`", isInsert},
		"INSERT INTO t VALUES (1)":                              {"INSERT INTO t", "Values", " (1)", isInsert},
		"insert into d.t (a, `b c`) values (1)":                 {"insert into d.t (a, `b c`)", "Values", " (1)", isInsert},
		"INSERT INTO format VALUES (1)":                         {"INSERT INTO format", "Values", " (1)", isInsert},
		"INSERT INTO TABLE values.format (format) FORMAT TSV\n": {"INSERT INTO TABLE values.format (format)", "TSV", "", isInsert},
		"INSERT INTO t SETTINGS a = 'FORMAT x' FORMAT TSV\n1":   {"INSERT INTO t SETTINGS a = 'FORMAT x'", "TSV", "1", isInsert},
		"INSERT INTO t -- FORMAT CSV\nFORMAT TSV\n1":            {"INSERT INTO t", "TSV", "1", isInsert},
		"/* x */ INSERT t FORMAT TSV\n1":                        {"/* x */ INSERT t", "TSV", "1", isInsert},
		"INSERT INTO t SELECT 1 FORMAT TSV":                     {"", "", "", notInsert},
		"INSERT INTO t (SELECT 1)":                              {"", "", "", notInsert},
		"INSERT INTO t (a) WITH 1 AS x SELECT x":                {"", "", "", notInsert},
		"SELECT 'INSERT INTO t FORMAT CSV'":                     {"", "", "", notInsert},
		"INSERT INTO t FORMAT Nat":                              {"INSERT INTO t", "Nat", "", incomplete},
		"INSERT INTO t FORMAT":                                  {"", "", "", incomplete},
		"INSERT INTO t":                                         {"", "", "", incomplete},
		"INSERT INTO `t":                                        {"", "", "", incomplete},
		"-- only a comment":                                     {"", "", "", incomplete},
	} {
		got, state, refused := splitInsert(text)
		if refused != nil {
			t.Errorf("%q: refused with %v", text, refused)
			continue
		}
		if state != want.state || strings.TrimRight(got.head, " ") != want.head || got.format != want.format {
			t.Errorf("%q: got %d %+v, want %+v", text, state, got, want)
			continue
		}
		if state == isInsert && text[got.data:] != want.data {
			t.Errorf("%q: got data %q, want %q", text, text[got.data:], want.data)
		}
	}
}

func TestWhatTheEngineWouldDoToFilesIsRefused(t *testing.T) {
	for _, sql := range []string{
		"SELECT 1 INTO OUTFILE 'x'", "SELECT 1 into /* */ outfile 'x'", "SELECT 1 INTO--\nOUTFILE 'x'",
		"SELECT file('x')", "SELECT FILE ('x')", "SELECT `file`('x')", `SELECT "fi\x6ce"('x')`, "SELECT “file”('x')",
		"SELECT $a$ ' $a$, file('x')", `SELECT 'it\'s', file('x')`, "SELECT 'it''s', file('x') -- '", "SELECT ‘’, file('x')",
		"INSERT INTO t SELECT * FROM input('a Int8') FORMAT CSV",
	} {
		if examine(sql).refused == nil {
			t.Errorf("%s: got no refusal", sql)
		}
	}
	if _, _, refused := splitInsert("INSERT INTO t FROM INFILE 'x' FORMAT CSV"); refused == nil {
		t.Error("FROM INFILE: got no refusal")
	}
	for _, sql := range []string{
		"SELECT 'INTO OUTFILE', file, profile(1) FROM t", "SELECT 1 -- file('x')", "SELECT $$ file('x') $$", "SELECT `into` FROM outfile",
		"CREATE TABLE t (file String, input String)", "SELECT 'file(', files(1)",
	} {
		if refused := examine(sql).refused; refused != nil {
			t.Errorf("%s: got %v", sql, refused)
		}
	}
}

func TestTheFormatOfAStatementIsFound(t *testing.T) {
	for sql, want := range map[string][2]string{
		"SELECT 1":                {"SELECT", ""},
		"SELECT 1 FORMAT JSON":    {"SELECT", "JSON"},
		"select 1 format `JSON`;": {"SELECT", "JSON"},
		"(SELECT 1) UNION ALL SELECT 2 FORMAT CSV SETTINGS a = 1": {"SELECT", "CSV"},
		"SELECT (SELECT 1 AS format), x":                          {"SELECT", ""},
		"WITH 'FORMAT x' AS y SELECT y":                           {"WITH", ""},
		"SHOW TABLES FORMAT TSV":                                  {"SHOW", "TSV"},
	} {
		if got := examine(sql); got.verb != want[0] || got.format != want[1] {
			t.Errorf("%s: got %q %q, want %q", sql, got.verb, got.format, want)
		}
	}
}

func FuzzSplitInsert(f *testing.F) {
	for _, seed := range []string{
		"INSERT INTO t FORMAT CSV\n1,2", "INSERT INTO t (a) VALUES (1)", "INSERT INTO `a``b`.\"c\" SETTINGS x='y' FORMAT Native\n\x00",
		"INSERT INTO FUNCTION file('x') SELECT 1", "INSERT INTO t FROM INFILE 'x'", "/* INSERT", "INSERT INTO $a$ b $a$ VALUES", "‘", "INSERT INTO t \u00a0FORMAT x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, state, refused := splitInsert(text)
		if state != isInsert || refused != nil {
			return
		}
		if !strings.HasPrefix(text, got.head) || got.data < len(got.head) || got.data > len(text) || got.format == "" {
			t.Fatalf("%q: got %+v", text, got)
		}
		// Nothing behind the point where the data begins may change what was found.
		again, state, _ := splitInsert(text[:got.data] + "SELECT FORMAT '")
		if state == isInsert && again.format == got.format && again.head != got.head {
			t.Fatalf("%q: got %+v, then %+v", text, got, again)
		}
	})
}

func FuzzExamine(f *testing.F) {
	f.Add("SELECT file('x') INTO OUTFILE 'y' FORMAT JSON")
	f.Add("SELECT $a$ x $a$ /* */ -- \n # z\n `q` “w”")
	f.Fuzz(func(t *testing.T, text string) {
		got := examine(text)
		if got.verb != strings.ToUpper(got.verb) {
			t.Fatalf("%q: got verb %q", text, got.verb)
		}
		// A complete statement in front of which a comment is put means the same.
		if again := examine("/* x */ " + text); again.verb != got.verb || again.format != got.format || (again.refused == nil) != (got.refused == nil) {
			t.Fatalf("%q: got %+v, behind a comment %+v", text, got, again)
		}
	})
}

func FuzzSettings(f *testing.F) {
	f.Add("max_threads=1&param_x=2&database=d&readonly=2")
	f.Add("a'b=1")
	f.Add("a.b=\\'&wait_end_of_query=1")
	f.Fuzz(func(t *testing.T, raw string) {
		parameters, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q := &request{}
		if q.parseSettings(parameters, 64) != nil {
			return
		}
		for _, one := range q.settings {
			if !plainName(one.name) || strings.ContainsAny(one.name, "'`\"\\ =,;(") {
				t.Fatalf("%q: got setting %q", raw, one.name)
			}
			// The literal must be one token, whatever is in it.
			lex := lexer{text: quote(one.value)}
			if got := lex.next(); got.kind != tokenString || lex.pos != len(lex.text) {
				t.Fatalf("%q: literal %s is not one string", raw, lex.text)
			}
		}
		lex := lexer{text: quoteName(raw)}
		if got := lex.next(); got.kind != tokenName || lex.pos != len(lex.text) {
			t.Fatalf("name %s is not one identifier", lex.text)
		}
	})
}

func TestTheCheapestCodingThatIsTakenIsChosen(t *testing.T) {
	for accept, want := range map[string]string{
		"": "", "identity": "", "gzip, deflate, br, zstd": "zstd", "br;q=1.0, gzip;q=0.8": "gzip", "br": "br",
		"gzip;q=0": "", "GZIP": "gzip", "gzip;q=oops, deflate": "deflate", "*": "",
	} {
		if got := chooseEncoding(accept); got != want {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
}

func TestStatusOfCodes(t *testing.T) {
	for code, want := range map[int]int{
		62: http.StatusBadRequest, 60: http.StatusNotFound, 194: http.StatusUnauthorized, 516: http.StatusForbidden, 497: http.StatusForbidden,
		159: http.StatusRequestTimeout, 48: http.StatusNotImplemented, 229: http.StatusRequestEntityTooLarge, 395: http.StatusInternalServerError, 241: http.StatusInternalServerError,
	} {
		if got := status(code); got != want {
			t.Errorf("code %d: got %d, want %d", code, got, want)
		}
	}
}
