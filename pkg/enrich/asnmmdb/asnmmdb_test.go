package asnmmdb_test

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/riskd-io/riskd/pkg/enrich/asnmmdb"
)

var date = time.Date(2026, 6, 17, 0, 0, 0, 0, time.UTC)

const (
	v4 = `1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."
1.0.4.0,1.0.6.9,38803,Gtelecom Pty Ltd
10.0.0.0,10.255.255.255,64512,Private
`
	v6 = `2001:200::,2001:200:1b9:ffff:ffff:ffff:ffff:ffff,2500,WIDE Project
2a00::,2a00::ff,4294967295,
`
)

func source(text string) asnmmdb.Source {
	return asnmmdb.Source{Name: "ranges.csv", Reader: strings.NewReader(text)}
}

func compile(t *testing.T, texts ...string) ([]byte, asnmmdb.Stats) {
	t.Helper()
	var sources []asnmmdb.Source
	for _, text := range texts {
		sources = append(sources, source(text))
	}
	var out bytes.Buffer
	stats, err := asnmmdb.Compile(&out, date, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), stats
}

type owner struct {
	Number uint32 `maxminddb:"autonomous_system_number"`
	Name   string `maxminddb:"autonomous_system_organization"`
}

func lookup(t *testing.T, db *maxminddb.Reader, address string) owner {
	t.Helper()
	var found owner
	if err := db.Lookup(netip.MustParseAddr(address)).Decode(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEachAddressGetsTheOwnerOfItsRange(t *testing.T) {
	data, stats := compile(t, v4, v6)
	if want := 5; stats.Ranges != want {
		t.Errorf("got %d ranges, want %d", stats.Ranges, want)
	}
	if want := 1; stats.Skipped != want {
		t.Errorf("got %d reserved networks, want %d (10.0.0.0/8)", stats.Skipped, want)
	}
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		address string
		number  uint32
		name    string
	}{
		{"1.0.0.0", 13335, "Cloudflare, Inc."},
		{"1.0.0.255", 13335, "Cloudflare, Inc."},
		{"1.0.1.0", 0, ""},
		{"1.0.3.255", 0, ""},
		{"1.0.4.0", 38803, "Gtelecom Pty Ltd"},
		{"1.0.6.9", 38803, "Gtelecom Pty Ltd"},
		{"1.0.6.10", 0, ""},
		{"10.1.2.3", 0, ""},
		{"2001:200::", 2500, "WIDE Project"},
		{"2001:200:1b9:ffff:ffff:ffff:ffff:ffff", 2500, "WIDE Project"},
		{"2001:200:1ba::", 0, ""},
		{"2a00::ff", 4294967295, ""},
	} {
		if got, want := lookup(t, db, c.address), (owner{c.number, c.name}); got != want {
			t.Errorf("%s: got %+v, want %+v", c.address, got, want)
		}
	}
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	first, _ := compile(t, v4, v6)
	second, _ := compile(t, v4, v6)
	if !bytes.Equal(first, second) {
		t.Error("two compilations differ")
	}
	db, err := maxminddb.OpenBytes(first)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := int64(db.Metadata.BuildEpoch), date.Unix(); got != want {
		t.Errorf("got build epoch %d, want that of the data, %d", got, want)
	}
}

func TestARowThatCannotBeUnderstoodIsNamed(t *testing.T) {
	for name, row := range map[string]string{
		"no address":        "here,1.0.0.255,1,x",
		"end before start":  "1.0.1.0,1.0.0.0,1,x",
		"mixed families":    "1.0.0.0,2001::,1,x",
		"number too large":  "1.0.0.0,1.0.0.255,4294967296,x",
		"number with a tag": "1.0.0.0,1.0.0.255,AS1,x",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := asnmmdb.Compile(&bytes.Buffer{}, date, source(v4+row+"\n"))
			var bad *asnmmdb.RowError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a RowError", err)
			}
			if got, want := bad.Line, 4; got != want {
				t.Errorf("got line %d, want %d", got, want)
			}
		})
	}
	if _, err := asnmmdb.Compile(&bytes.Buffer{}, date, source("1.0.0.0,1.0.0.255\n")); err == nil {
		t.Error("a row with two fields: got no error")
	}
}

func TestAnEmptyInputIsRefused(t *testing.T) {
	if _, err := asnmmdb.Compile(&bytes.Buffer{}, date, source("")); !errors.Is(err, asnmmdb.ErrEmpty) {
		t.Errorf("got %v, want ErrEmpty", err)
	}
}

func TestALongNameIsCutOnARuneBoundary(t *testing.T) {
	data, _ := compile(t, "1.0.0.0,1.0.0.255,1,"+strings.Repeat("é", asnmmdb.MaxOrganization)+"\n")
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := lookup(t, db, "1.0.0.1").Name, strings.Repeat("é", asnmmdb.MaxOrganization/2); got != want {
		t.Errorf("got %d bytes, want %d whole runes", len(got), len(want)/2)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(v4)
	f.Add(v6)
	f.Add("0.0.0.0,255.255.255.255,1,all\n")
	f.Add("::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,1,all\n")
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		if _, err := asnmmdb.Compile(&out, date, source(text)); err != nil {
			return
		}
		db, err := maxminddb.OpenBytes(out.Bytes())
		if err != nil {
			t.Fatalf("opening what was compiled: %v", err)
		}
		if err := db.Verify(); err != nil {
			t.Fatalf("verifying what was compiled: %v", err)
		}
	})
}
