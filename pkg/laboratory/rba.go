package laboratory

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// RBAColumns are the headers of the RBA data set (Wiefling et al. 2022). Others are ignored, the order is free.
var RBAColumns = []string{
	"Login Timestamp", "User ID", "Round-Trip Time [ms]", "IP Address", "Country", "Region", "City", "ASN", "User Agent String",
	"Browser Name and Version", "OS Name and Version", "Device Type", "Login Successful", "Is Attack IP", "Is Account Takeover",
}

const (
	colTime = iota
	colUser
	colRTT
	colIP
	colCountry
	_ // region
	colCity
	colASN
	colAgent
	_ // browser
	_ // system
	_ // device
	colSuccess
	colAttackIP
	colTakeover
)

// RBARow is one line of the data set.
type RBARow struct {
	Event              *riskdv1.Event
	Success            bool
	AttackIP, Takeover bool
}

// RBAReader reads the data set's CSV, plain, gzip or the CSV inside a zip, one row at a time.
type RBAReader struct {
	csv   *csv.Reader
	at    [15]int
	row   int
	close []io.Closer
}

// OpenRBA opens a file. Close it after.
func OpenRBA(name string) (*RBAReader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r := &RBAReader{close: []io.Closer{f}}
	in, err := r.unpack(f)
	if err == nil {
		err = r.head(in)
	}
	if err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// NewRBAReader reads plain CSV.
func NewRBAReader(in io.Reader) (*RBAReader, error) {
	r := &RBAReader{}
	return r, r.head(in)
}

// Close closes what OpenRBA opened.
func (r *RBAReader) Close() error {
	var errs []error
	for _, c := range slices.Backward(r.close) {
		errs = append(errs, c.Close())
	}
	r.close = nil
	return errors.Join(errs...)
}

// unpack looks at the first bytes, not at the name.
func (r *RBAReader) unpack(f *os.File) (io.Reader, error) {
	b := bufio.NewReaderSize(f, 1<<20)
	magic, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		r.close = append(r.close, z)
		return z, nil
	case bytes.HasPrefix(magic, []byte("PK")):
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		z, err := zip.NewReader(f, info.Size())
		if err != nil {
			return nil, err
		}
		for _, file := range z.File {
			if strings.HasSuffix(strings.ToLower(file.Name), ".csv") {
				in, err := file.Open()
				if err != nil {
					return nil, err
				}
				r.close = append(r.close, in)
				return in, nil
			}
		}
		return nil, errors.New("no .csv in the zip")
	}
	return b, nil
}

// head finds the columns.
func (r *RBAReader) head(in io.Reader) error {
	r.csv = csv.NewReader(in)
	r.csv.ReuseRecord, r.csv.LazyQuotes, r.csv.FieldsPerRecord = true, true, -1
	names, err := r.csv.Read()
	if err != nil {
		return fmt.Errorf("reading the header: %w", err)
	}
	names = slices.Clone(names)
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
	var missing []string
	for i, want := range RBAColumns {
		if r.at[i] = slices.Index(names, want); r.at[i] < 0 {
			missing = append(missing, want)
		}
	}
	if missing != nil {
		return fmt.Errorf("columns are missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// BadRowError is a line that cannot be used; reading can go on.
type BadRowError struct {
	Row int // from 1, without the header
	Err error
}

func (e *BadRowError) Error() string { return fmt.Sprintf("row %d: %v", e.Row, e.Err) }

// Unwrap gives the cause.
func (e *BadRowError) Unwrap() error { return e.Err }

// Next returns the next row, a *[BadRowError], or io.EOF.
func (r *RBAReader) Next() (RBARow, error) {
	fields, err := r.csv.Read()
	r.row++
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax):
		return RBARow{}, &BadRowError{r.row, err}
	case err != nil:
		return RBARow{}, err
	}
	row, err := r.parse(fields)
	if err != nil {
		return RBARow{}, &BadRowError{r.row, err}
	}
	return row, nil
}

// rbaTime is the data set's form, in UTC.
const rbaTime = "2006-01-02 15:04:05.999999999"

func (r *RBAReader) parse(fields []string) (row RBARow, err error) {
	get := func(col int) string {
		if i := r.at[col]; i < len(fields) {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	t, err := time.Parse(rbaTime, get(colTime))
	if err != nil {
		return row, fmt.Errorf("login timestamp %q", get(colTime))
	}
	user := get(colUser)
	if user == "" || len(user) > 256 {
		return row, errors.New("user id is missing or too long")
	}
	ip, err := netip.ParseAddr(get(colIP))
	if err != nil {
		return row, fmt.Errorf("address %q", get(colIP))
	}
	for col, to := range map[int]*bool{colSuccess: &row.Success, colAttackIP: &row.AttackIP, colTakeover: &row.Takeover} {
		if *to, err = strconv.ParseBool(get(col)); err != nil {
			return row, fmt.Errorf("%s %q is neither True nor False", RBAColumns[col], get(col))
		}
	}
	asn, _ := strconv.ParseUint(get(colASN), 10, 32)
	rtt, _ := strconv.ParseFloat(get(colRTT), 64)
	country := get(colCountry)
	if len(country) != 2 {
		country = ""
	}
	city := get(colCity)
	if city == "-" {
		city = ""
	}
	row.Event = &riskdv1.Event{
		Id: strconv.Itoa(r.row), Source: "//rba", Type: "dev.riskd.activity.v1", TimeMs: t.UnixMilli(), TenantId: "rba",
		User: &riskdv1.User{Id: strings.Clone(user)}, Session: &riskdv1.Session{Id: "r" + strconv.Itoa(r.row)},
		Action: "auth.login", Outcome: "success", Count: 1, Http: &riskdv1.Http{UserAgent: strings.Clone(get(colAgent))},
		Network: &riskdv1.Network{Ip: ip.String(), Asn: uint32(asn), RttMs: uint32(max(0, min(rtt, 60_000))), Geo: &riskdv1.Geo{Country: strings.Clone(country), City: strings.Clone(city)}},
	}
	if !row.Success {
		row.Event.Outcome = "failure"
	}
	return row, nil
}
