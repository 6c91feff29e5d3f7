package bridge

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// externalTable is a temporary table that comes with a request: its rows are a part of a
// multipart form, its columns and format are parameters.
type externalTable struct {
	name, format, structure string
	data                    []byte
}

// owns tells whether a parameter describes this table.
func (t externalTable) owns(parameter string) bool {
	suffix, ok := strings.CutPrefix(parameter, t.name+"_")
	return ok && (suffix == "format" || suffix == "structure" || suffix == "types")
}

// maxExternalTables bounds the parts of one request.
const maxExternalTables = 64

// readForm reads a multipart form: plain fields become parameters, files become external
// tables. Other bodies are left alone, even if they say that they are forms, since curl says so of all.
func (b *Bridge) readForm(r *http.Request, parameters url.Values) ([]externalTable, error) {
	kind, attributes, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || r.Body == nil {
		return nil, nil
	}
	form := multipart.NewReader(r.Body, attributes["boundary"])
	var tables []externalTable
	left := b.cfg.MaxQueryBytes
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, exception(codeCannotReadAll, "reading the form: %v", err)
		}
		data, err := io.ReadAll(io.LimitReader(part, left+1))
		if err != nil {
			return nil, exception(codeCannotReadAll, "reading the form: %v", err)
		}
		if left -= int64(len(data)); left < 0 || len(tables) >= maxExternalTables {
			return nil, exception(codeQueryTooLarge, "the form is larger than %d bytes or has more than %d tables", b.cfg.MaxQueryBytes, maxExternalTables)
		}
		if strings.Contains(part.Header.Get("Content-Disposition"), "filename") {
			tables = append(tables, externalTable{name: part.FormName(), data: data})
		} else {
			parameters.Set(part.FormName(), string(data))
		}
	}
	for i := range tables {
		t := &tables[i]
		t.format = first(parameters.Get(t.name+"_format"), defaultFormat)
		t.structure = parameters.Get(t.name + "_structure")
		if types := parameters.Get(t.name + "_types"); t.structure == "" && types != "" {
			t.structure = numbered(types)
		}
		if t.name == "" || t.structure == "" || !plainWord(t.format) {
			return nil, exception(codeBadArguments, "external table %q needs %s_structure or %s_types, and a format", t.name, t.name, t.name)
		}
	}
	return tables, nil
}

// numbered names columns _1, _2... as a server does; a comma within brackets is no separator.
func numbered(types string) string {
	var out strings.Builder
	depth, start, count := 0, 0, 0
	add := func(end int) {
		count++
		if count > 1 {
			out.WriteString(", ")
		}
		out.WriteString("_" + strconv.Itoa(count) + " " + strings.TrimSpace(types[start:end]))
		start = end + 1
	}
	for i := range len(types) {
		switch types[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				add(i)
			}
		}
	}
	add(len(types))
	return out.String()
}

// load creates the tables on a connection.
func load(conn *chdb.Conn, tables []externalTable) error {
	for _, t := range tables {
		if err := conn.Exec("CREATE TEMPORARY TABLE " + quoteName(t.name) + " (" + t.structure + ")"); err != nil {
			return err
		}
		insert, err := conn.Insert("INSERT INTO "+quoteName(t.name), t.format)
		if err != nil {
			return err
		}
		if err = insert.Append(t.data); err == nil || chdb.Stopped(err) {
			_, err = insert.Finish()
		}
		insert.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// unload drops them from a session's connection.
func unload(conn *chdb.Conn, tables []externalTable) error {
	for _, t := range tables {
		if err := conn.Exec("DROP TEMPORARY TABLE IF EXISTS " + quoteName(t.name)); err != nil {
			return err
		}
	}
	return nil
}
