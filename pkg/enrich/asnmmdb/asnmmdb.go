// Package asnmmdb compiles the CSV of ASN ranges published by ip-location-db into one
// MaxMind DB file, so that an address is looked up in the same way as in a City database.
//
// It runs once, at set-up, and is not a reader: look-ups belong to pkg/enrich, with any
// MaxMind DB library. Compile holds no state and may run in several goroutines at once.
package asnmmdb

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"go4.org/netipx"
)

const (
	// DatabaseType is the type in the file's metadata. It does not pretend to be MaxMind's own
	// ASN database, so geoip2 refuses it: read the records with maxminddb.
	DatabaseType = "ip-location-db-ASN"

	// NumberKey and OrganizationKey are the two keys of every record: uint32 and string.
	NumberKey       = "autonomous_system_number"
	OrganizationKey = "autonomous_system_organization"

	// MaxOrganization is the longest organization name kept, in bytes; longer ones are cut.
	MaxOrganization = 256

	fieldCount = 4 // start, end, number, organization
)

// Source is one CSV of ranges: `start,end,number,organization`, no header, inclusive ends,
// IPv4 or IPv6.
type Source struct {
	// Name is what errors call it, usually the file's name.
	Name string
	// Reader yields the CSV.
	Reader io.Reader
}

// Stats counts what a compilation did with its input.
type Stats struct {
	// Ranges is how many rows were read, Networks how many prefixes they made.
	Ranges, Networks int
	// Skipped is how many of those prefixes lie in reserved or aliased space (private
	// networks, 6to4, Teredo) and were left out: no such address has an owner.
	Skipped int
}

// RowError is a row that cannot be understood.
type RowError struct {
	Source string
	Line   int
	Err    error
}

func (e *RowError) Error() string {
	return fmt.Sprintf("reading %s line %d: %v", e.Source, e.Line, e.Err)
}

func (e *RowError) Unwrap() error { return e.Err }

// ErrEmpty means that the sources held not one range: a truncated download, most likely.
var ErrEmpty = errors.New("no ranges in the input")

// Compile reads all sources and writes one database that answers IPv4 and IPv6. The same
// sources and date give the same bytes. The date is that of the data, kept as build epoch.
// Where ranges overlap, the later row wins.
func Compile(out io.Writer, date time.Time, sources ...Source) (Stats, error) {
	var stats Stats
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		BuildEpoch:   date.Unix(),
		DatabaseType: DatabaseType,
		Description:  map[string]string{"en": "ASN ranges by RouteViews, the NRO and DB-IP, CC BY 4.0, merged by ip-location-db"},
		RecordSize:   24,
		KeyGenerator: &numberKeys{},
	})
	if err != nil {
		return stats, fmt.Errorf("preparing the tree: %w", err)
	}
	for _, source := range sources {
		if err := insertAll(tree, source, &stats); err != nil {
			return stats, err
		}
	}
	if stats.Networks == stats.Skipped {
		return stats, ErrEmpty
	}
	if _, err := tree.WriteTo(out); err != nil {
		return stats, fmt.Errorf("writing the database: %w", err)
	}
	return stats, nil
}

func insertAll(tree *mmdbwriter.Tree, source Source, stats *Stats) error {
	rows := csv.NewReader(source.Reader)
	rows.FieldsPerRecord = fieldCount
	rows.ReuseRecord = true
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", source.Name, err)
		}
		if err := insert(tree, row, stats); err != nil {
			line, _ := rows.FieldPos(0)
			return &RowError{Source: source.Name, Line: line, Err: err}
		}
		stats.Ranges++
	}
}

func insert(tree *mmdbwriter.Tree, row []string, stats *Stats) error {
	start, err := netip.ParseAddr(row[0])
	if err != nil {
		return fmt.Errorf("range start: %w", err)
	}
	end, err := netip.ParseAddr(row[1])
	if err != nil {
		return fmt.Errorf("range end: %w", err)
	}
	addresses := netipx.IPRangeFrom(start, end)
	if !addresses.IsValid() {
		return fmt.Errorf("%s to %s is not a range", start, end)
	}
	number, err := strconv.ParseUint(row[2], 10, 32)
	if err != nil {
		return fmt.Errorf("AS number: %w", err)
	}
	record := mmdbtype.Map{
		NumberKey:       mmdbtype.Uint32(number),
		OrganizationKey: mmdbtype.String(cut(row[3])),
	}
	for _, prefix := range addresses.Prefixes() {
		stats.Networks++
		err := tree.Insert(ipNet(prefix), record)
		var reserved *mmdbwriter.ReservedNetworkError
		var aliased *mmdbwriter.AliasedNetworkError
		switch {
		case errors.As(err, &reserved), errors.As(err, &aliased):
			stats.Skipped++
		case err != nil:
			return fmt.Errorf("network %s: %w", prefix, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// cut bounds a name without splitting a UTF-8 sequence; invalid bytes are dropped, since
// readers hand the string on to JSON and protobuf.
func cut(name string) string {
	out := make([]rune, 0, min(len(name), MaxOrganization))
	size := 0
	for _, r := range name {
		size += len(string(r))
		if size > MaxOrganization {
			break
		}
		if r != '\uFFFD' {
			out = append(out, r)
		}
	}
	return string(out)
}

// numberKeys deduplicates records by their own content; the default, a SHA-256 of the
// encoded record, costs most of the compile time.
type numberKeys struct{ buf []byte }

// Key implements [mmdbwriter.KeyGenerator].
func (k *numberKeys) Key(value mmdbtype.DataType) ([]byte, error) {
	record, ok := value.(mmdbtype.Map)
	if !ok {
		return nil, fmt.Errorf("unexpected record of type %T", value)
	}
	number, _ := record[NumberKey].(mmdbtype.Uint32)
	name, _ := record[OrganizationKey].(mmdbtype.String)
	k.buf = strconv.AppendUint(k.buf[:0], uint64(number), 10)
	k.buf = append(k.buf, ' ')
	k.buf = append(k.buf, name...)
	return k.buf, nil
}
