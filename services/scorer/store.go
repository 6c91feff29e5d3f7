package scorer

import (
	"fmt"
	"maps"

	"github.com/cespare/xxhash/v2"
)

const (
	// pageCount is how many pages a partition's profiles are hashed into. It is part of the stored form:
	// a page is read back by the number in its subject.
	pageCount = 256
	// entryHeader: capacity and length of the profile (4 bytes each), time seen (8), length of the key (2).
	entryHeader = 4 + 4 + 8 + 2
	// maxKey bounds tenant, a zero byte and user; package wire allows 128 bytes each.
	maxKey = 1024
	// maxProfile bounds an encoded profile; real ones are a few hundred bytes to a few KiB.
	maxProfile = 1 << 20
	// pageSlack: an eighth of a page may be dead entries, and an eighth room to grow. Less would copy pages all the time, more costs
	// memory for each user.
	pageSlack = 8
	// smallPage: below it a page doubles, since it has few users and grows with each of them.
	smallPage = 512
	// profileSlack is the part of a profile, and roomRounding the bytes at most, that an entry has to spare.
	profileSlack, roomRounding = 8, 15
	// maxExpected bounds how many users a store makes room for before it has seen them.
	maxExpected = 1 << 20
	// maxPageBytes bounds one page in memory and thereby offsets.
	maxPageBytes = 1 << 30
	// deadKey marks the key length of an entry that was moved or dropped.
	deadKey = 1 << 15
)

// store holds the profiles of one partition, encoded, without a pointer per user: for the
// garbage collector it is a few hundred byte slices and one map of integers. It is not safe for concurrent use.
type store struct {
	pages [pageCount]page
	// index finds an entry's offset in its page by the hash of its key.
	index map[uint64]uint32
	// clash holds the entries whose hash another key took first. It is empty outside of attacks.
	clash map[string]uint32
	users int
	bytes int // of all page buffers
	// opened is the memory that pages are unpacked into while a partition is loaded.
	opened []byte
	// hash is hashKey; tests make keys collide with another one.
	hash func(key []byte) uint64
}

func newStore() *store { return &store{index: make(map[uint64]uint32), hash: hashKey} }

// appendKey is the store's key of a user.
func appendKey(dst []byte, tenant, user string) []byte {
	dst = append(dst, tenant...)
	dst = append(dst, 0)
	return append(dst, user...)
}

func hashKey(key []byte) uint64 { return xxhash.Sum64(key) }

// pageOf uses other bits than the index map does.
func pageOf(hash uint64) int { return int(hash >> 56) }

// get returns the encoded profile and when the user was last heard of; ok is false for a stranger. The bytes are
// valid until the next put or drop.
func (s *store) get(hash uint64, key []byte) (profile []byte, seen int64, ok bool) {
	off, ok := s.find(hash, key)
	if !ok {
		return nil, 0, false
	}
	e := s.pages[pageOf(hash)].entry(off)
	return e.profile, e.seen, true
}

func (s *store) find(hash uint64, key []byte) (uint32, bool) {
	pg := &s.pages[pageOf(hash)]
	if off, ok := s.index[hash]; ok && string(pg.entry(off).key) == string(key) {
		return off, true
	}
	if len(s.clash) > 0 {
		off, ok := s.clash[string(key)]
		return off, ok
	}
	return 0, false
}

// put stores an encoded profile and marks its page dirty.
func (s *store) put(hash uint64, key, profile []byte, seen int64) error {
	if len(key) > maxKey || len(profile) > maxProfile {
		return fmt.Errorf("storing profile: key of %d and profile of %d bytes exceed %d and %d", len(key), len(profile), maxKey, maxProfile)
	}
	pg := &s.pages[pageOf(hash)]
	pg.dirty = true
	off, known := s.find(hash, key)
	if known {
		e := pg.entry(off)
		if len(profile) <= e.room {
			pg.overwrite(off, len(key), profile, seen)
			return nil
		}
	}
	if len(pg.buf)+entryHeader+len(key)+2*len(profile) > maxPageBytes {
		return fmt.Errorf("storing profile: page exceeds %d bytes", maxPageBytes)
	}
	if known {
		pg.leave(off)
	}
	before := cap(pg.buf)
	off = pg.append(key, profile, seen)
	s.bytes += cap(pg.buf) - before
	s.point(hash, key, off, known)
	if !known {
		s.users++
		pg.users++
	}
	if pg.waste > 4096 && pg.waste > len(pg.buf)/pageSlack {
		s.compact(pg)
	}
	return nil
}

// reserve makes room in the empty page n for users whose stored form, unpacked, has so many bytes: a page that grows with every user is
// copied about nine times.
func (s *store) reserve(n, users, bytes int) {
	pg := &s.pages[n]
	s.bytes -= cap(pg.buf)
	pg.buf = make([]byte, 0, min(users*(entryHeader+roomRounding)+bytes+bytes/profileSlack, maxPageBytes))
	s.bytes += cap(pg.buf)
}

// expect makes room in the index for so many users.
func (s *store) expect(users int) {
	index := make(map[uint64]uint32, min(users, maxExpected))
	maps.Copy(index, s.index)
	s.index = index
}

// fill is put for a page that is being read: nearly every user is new to it.
func (s *store) fill(hash uint64, key, profile []byte, seen int64) error {
	pg := &s.pages[pageOf(hash)]
	if _, taken := s.index[hash]; taken || len(s.clash) > 0 || len(pg.buf)+entryHeader+len(key)+2*len(profile) > maxPageBytes {
		return s.put(hash, key, profile, seen)
	}
	before := cap(pg.buf)
	s.index[hash] = pg.append(key, profile, seen)
	s.bytes += cap(pg.buf) - before
	s.users++
	pg.users++
	return nil
}

// point makes the index say where a key's entry is.
func (s *store) point(hash uint64, key []byte, off uint32, known bool) {
	if _, clashing := s.clash[string(key)]; clashing {
		s.clash[string(key)] = off
		return
	}
	if other, taken := s.index[hash]; taken && !known {
		if string(s.pages[pageOf(hash)].entry(other).key) != string(key) {
			if s.clash == nil {
				s.clash = make(map[string]uint32)
			}
			s.clash[string(key)] = off
			return
		}
	}
	s.index[hash] = off
}

// compact rewrites a page without its dead entries.
func (s *store) compact(pg *page) {
	old := pg.buf
	s.bytes -= cap(old)
	pg.buf = make([]byte, 0, (len(old)-pg.waste)*(pageSlack+1)/pageSlack+256)
	pg.waste = 0
	walk(old, func(e entry) {
		off := uint32(len(pg.buf))
		pg.buf = append(pg.buf, e.raw...)
		if _, clashing := s.clash[string(e.key)]; clashing {
			s.clash[string(e.key)] = off
		} else {
			s.index[s.hash(e.key)] = off
		}
	})
	s.bytes += cap(pg.buf)
}

// expire drops the users of one page who were last heard of before limit, and says how many.
func (s *store) expire(n int, limit int64) int {
	pg := &s.pages[n]
	dropped := 0
	at := 0
	for at < len(pg.buf) {
		e := pg.entry(uint32(at))
		if !e.dead && e.seen < limit {
			if _, clashing := s.clash[string(e.key)]; clashing {
				delete(s.clash, string(e.key))
			} else {
				delete(s.index, s.hash(e.key))
			}
			pg.kill(uint32(at))
			dropped++
		}
		at += len(e.raw)
	}
	if dropped > 0 {
		s.users -= dropped
		pg.users -= dropped
		pg.dirty = true
		s.compact(pg)
	}
	return dropped
}

// dropPage forgets everything of a page.
func (s *store) dropPage(n int) {
	pg := &s.pages[n]
	walk(pg.buf, func(e entry) {
		if _, clashing := s.clash[string(e.key)]; clashing {
			delete(s.clash, string(e.key))
		} else {
			delete(s.index, s.hash(e.key))
		}
	})
	s.users -= pg.users
	s.bytes -= cap(pg.buf)
	*pg = page{}
}
