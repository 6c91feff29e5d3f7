package scorer

import "encoding/binary"

// page is one hash bucket: entries one behind the other.
type page struct {
	buf   []byte
	waste int // bytes of dead entries in buf
	users int
	// dirty tells that the page differs from what is stored, since a record after stored.
	dirty bool
	// stored is the journal sequence up to which the stored page is complete, 0 when there is none.
	stored uint64
	// rev is the stream sequence of the stored page, for the next guarded write.
	rev uint64
}

// entry is one user's place in a page.
type entry struct {
	raw          []byte // all of it
	key, profile []byte
	room         int // bytes the profile may take in place
	seen         int64
	dead         bool
}

func (p *page) entry(off uint32) entry {
	b := p.buf[off:]
	room, size := int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[4:]))
	kl := binary.LittleEndian.Uint16(b[16:])
	n := int(kl &^ deadKey)
	body := entryHeader + n
	return entry{
		raw: b[:body+room], key: b[entryHeader:body:body], profile: b[body : body+size : body+size],
		room: room, seen: int64(binary.LittleEndian.Uint64(b[8:])), dead: kl&deadKey != 0,
	}
}

// append leaves an eighth of room and up to 15 bytes, so that a profile that grows a little stays where it is.
func (p *page) append(key, profile []byte, seen int64) uint32 {
	off := uint32(len(p.buf))
	room := (len(profile) + len(profile)/profileSlack + roomRounding) &^ 7
	need := len(p.buf) + entryHeader + len(key) + room
	if need > cap(p.buf) {
		grown := make([]byte, len(p.buf), need+max(need/pageSlack, min(need, smallPage)))
		copy(grown, p.buf)
		p.buf = grown
	}
	var h [entryHeader]byte
	binary.LittleEndian.PutUint32(h[:], uint32(room))
	binary.LittleEndian.PutUint32(h[4:], uint32(len(profile)))
	binary.LittleEndian.PutUint64(h[8:], uint64(seen))
	binary.LittleEndian.PutUint16(h[16:], uint16(len(key)))
	p.buf = append(p.buf, h[:]...)
	p.buf = append(p.buf, key...)
	p.buf = append(p.buf, profile...)
	p.buf = p.buf[:need]
	return off
}

func (p *page) overwrite(off uint32, keyLen int, profile []byte, seen int64) {
	b := p.buf[off:]
	binary.LittleEndian.PutUint32(b[4:], uint32(len(profile)))
	binary.LittleEndian.PutUint64(b[8:], uint64(seen))
	copy(b[entryHeader+keyLen:], profile)
}

func (p *page) kill(off uint32) {
	b := p.buf[off:]
	binary.LittleEndian.PutUint16(b[16:], binary.LittleEndian.Uint16(b[16:])|deadKey)
	p.waste += len(p.entry(off).raw)
}

// leave gives up an entry's place: the last one's at once, so that pages of few users have no dead ones.
func (p *page) leave(off uint32) {
	if int(off)+len(p.entry(off).raw) == len(p.buf) {
		p.buf = p.buf[:off]
		return
	}
	p.kill(off)
}

// walk visits the live entries of a page's buffer in order.
func walk(buf []byte, visit func(entry)) {
	p := page{buf: buf}
	for at := 0; at < len(buf); {
		e := p.entry(uint32(at))
		if !e.dead {
			visit(e)
		}
		at += len(e.raw)
	}
}
