package adaptive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

const version = 1

// Version of the stored form.
func (s *State) Version() uint64 { return version }

// maxTenantName is the longest name of a tenant that an event can bring, bytes.
const maxTenantName = 256

// AppendTo implements the scorer's Section.
func (s *State) AppendTo(dst []byte) []byte {
	dst = binary.AppendVarint(dst, s.hour)
	dst = binary.AppendUvarint(dst, uint64(len(s.tenants)))
	for _, name := range slices.Sorted(maps.Keys(s.tenants)) {
		t := s.tenants[name]
		dst = binary.AppendUvarint(dst, uint64(len(name)))
		dst = append(dst, name...)
		dst = binary.AppendUvarint(dst, uint64(t.last))
		dst = binary.AppendUvarint(dst, uint64(t.seen))
		for b := range bins {
			dst = binary.AppendUvarint(dst, uint64(t.closed[b]))
			dst = binary.AppendVarint(dst, int64(t.fresh[b]))
		}
	}
	return dst
}

// Restore implements the scorer's Section.
func (s *State) Restore(v uint64, data []byte) error {
	*s = State{}
	if v == 0 {
		return nil
	}
	if v != version {
		return fmt.Errorf("adaptive thresholds of version %d; this program knows %d", v, version)
	}
	r := reader{b: data}
	s.hour = r.varint()
	n := r.uvarint(maxTenants)
	s.tenants = make(map[string]*sessions, min(n, maxTenants))
	for range n {
		t := new(sessions)
		name := r.text()
		t.last, t.seen = uint32(r.uvarint(10_000)), uint32(r.uvarint(10_000))
		for b := range bins {
			t.closed[b] = uint32(r.uvarint(math.MaxUint32))
			f := r.varint()
			if f < math.MinInt32 || f > math.MaxInt32 {
				r.bad = true
			}
			t.fresh[b] = int32(f)
		}
		if r.bad || s.tenants[name] != nil {
			return errors.New("adaptive thresholds: the stored form is damaged")
		}
		s.tenants[name] = t
	}
	if r.bad || len(r.b) > 0 {
		return errors.New("adaptive thresholds: the stored form is damaged")
	}
	return nil
}

// reader takes numbers off a stored form; bad is set when it is not one.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > most {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string {
	n := r.uvarint(maxTenantName)
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
