package bridge

import "strings"

// concatenable are the output formats whose pieces, each a whole output of its own, make one
// output when they are put one after the other. The engine streams in such pieces; every
// other format has a head or a foot and must come in one.
var concatenable = map[string]bool{
	"native": true, "rowbinary": true, "null": true, "rawblob": true,
	"tabseparated": true, "tsv": true, "tabseparatedraw": true, "tsvraw": true, "raw": true,
	"csv": true, "tskv": true, "lineasstring": true, "msgpack": true,
	"jsoneachrow": true, "jsonlines": true, "ndjson": true, "jsonstringseachrow": true,
	"jsoncompacteachrow": true, "jsoncompactstringseachrow": true, "prettyjsoneachrow": true,
}

// contentType is what a server answers for each format.
func contentType(format string) string {
	name := strings.ToLower(format)
	switch {
	case strings.HasPrefix(name, "tabseparated"), strings.HasPrefix(name, "tsv"):
		return "text/tab-separated-values; charset=UTF-8"
	case strings.HasPrefix(name, "csvwithnames"):
		return "text/csv; charset=UTF-8; header=present"
	case name == "csv":
		return "text/csv; charset=UTF-8; header=absent"
	case strings.Contains(name, "eachrow"), name == "jsonlines", name == "ndjson":
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(name, "json"):
		return "application/json; charset=UTF-8"
	case name == "native", name == "parquet", strings.HasPrefix(name, "rowbinary"), strings.HasPrefix(name, "arrow"),
		name == "orc", name == "avro", name == "msgpack", strings.HasPrefix(name, "protobuf"), name == "npy":
		return "application/octet-stream"
	case name == "xml":
		return "application/xml; charset=UTF-8"
	case name == "html":
		return "text/html; charset=UTF-8"
	case name == "markdown":
		return "text/markdown; charset=UTF-8"
	}
	return "text/plain; charset=UTF-8"
}
