package scorer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// Section is a part of a partition's state beside its profiles: counters across users, adaptive thresholds. What it holds has
// to be a function of the partition's journal alone, because that is how it survives: every checkpoint stores it
// with the sequence it is at, and a new owner restores it and hands it the records after that. It lives in memory, so it is
// bounded by itself.
//
// A partition's goroutine makes the calls, one at a time.
type Section interface {
	// Name is one subject token, lower case letters and digits. It is part of the stored form and never changes.
	Name() string
	// Version of the stored form, from 1 on.
	Version() uint64
	// Take makes a stored record part of the section: live once it is stored, and again from the journal in a replay. Entries may
	// be read during the call only. Live, a record has no more of its decisions than their peaks. In a replay the engine's
	// version or the policy may be another one than when the record was written: what counts is what the record says.
	Take(rec *riskdv1.JournalRecord)
	// Discard forgets whatever was prepared for a record that was not stored. It comes before every batch.
	Discard()
	// AppendTo appends the stored form, at most maxSection bytes, quick enough to be done between two batches.
	AppendTo(dst []byte) []byte
	// Restore replaces everything by a stored form; version 0 means that there is none, and the section is empty. An
	// error stops the partition.
	Restore(version uint64, data []byte) error
}

const (
	// maxSections bounds the sections of a partition.
	maxSections = 16
	// maxSection bounds one section's stored form before compression. It also has to fit in a message of the broker.
	maxSection = 8 << 20
	// sectionFormat starts every stored section: CRC-32C, then zstd of sequence, version, the section's own bytes.
	sectionFormat = 1
	// sectionPage and below are the numbers of sections among the pages of a checkpoint.
	sectionPage = -2
)

// part is a section of a partition and where it is stored.
type part struct {
	Section
	// stored is the journal sequence up to which the stored form is complete, rev its stream sequence for the next guarded write.
	stored, rev uint64
	found       bool // in the stream, while loading
}

func newParts(sections []Section) ([]part, error) {
	parts := make([]part, len(sections))
	if len(sections) > maxSections {
		return nil, fmt.Errorf("%d sections of a partition's state, limit %d", len(sections), maxSections)
	}
	for i, s := range sections {
		name := s.Name()
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || s.Version() == 0 {
			return nil, fmt.Errorf("section %q of version %d: names are lower case letters and digits, versions begin at 1", name, s.Version())
		}
		if slices.ContainsFunc(sections[:i], func(o Section) bool { return o.Name() == name }) {
			return nil, fmt.Errorf("section %q occurs twice", name)
		}
		parts[i].Section = s
	}
	return parts, nil
}

// snapshot appends a section as it is stored, not yet compressed.
func (s *part) snapshot(dst []byte, seq uint64) ([]byte, error) {
	dst = binary.AppendUvarint(dst[:0], seq)
	dst = binary.AppendUvarint(dst, s.Version())
	dst = s.AppendTo(dst)
	if len(dst) > maxSection {
		return dst, fmt.Errorf("section %s takes %d bytes, limit %d", s.Name(), len(dst), maxSection)
	}
	return dst, nil
}

// sealSection makes stored bytes of a snapshot.
func sealSection(raw []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte{sectionFormat}, crc32.Checksum(raw, castagnoli))
	return pageEncoder().EncodeAll(raw, out)
}

// openSection reads stored bytes.
func openSection(stored []byte) (seq, version uint64, data []byte, err error) {
	if len(stored) < 6 || stored[0] != sectionFormat {
		return 0, 0, nil, errors.New("unknown form")
	}
	raw, err := pageDecoder().DecodeAll(stored[5:], nil)
	if err != nil {
		return 0, 0, nil, err
	}
	if crc32.Checksum(raw, castagnoli) != binary.LittleEndian.Uint32(stored[1:]) {
		return 0, 0, nil, errors.New("checksum differs")
	}
	if seq, raw, err = uvarint(raw); err != nil {
		return 0, 0, nil, err
	}
	if version, data, err = uvarint(raw); err == nil && version == 0 {
		err = errors.New("version 0")
	}
	return seq, version, data, err
}

// emptyParts makes every section empty.
func (p *partition) emptyParts() error {
	for i := range p.parts {
		s := &p.parts[i]
		s.stored, s.rev, s.found = 0, 0, false
		if err := s.Restore(0, nil); err != nil {
			return fmt.Errorf("%w: emptying section %s: %w", errPage, s.Name(), err)
		}
	}
	return nil
}

// restorePart takes a section that was read from the stream; what this program does not know is left alone.
func (p *partition) restorePart(page string, rev uint64, stored []byte) error {
	for i := range p.parts {
		s := &p.parts[i]
		if page != subject.SectionPage(s.Name()) {
			continue
		}
		seq, version, data, err := openSection(stored)
		if err == nil {
			err = s.Restore(version, data)
		}
		if err != nil {
			return fmt.Errorf("%w: section %s: %w", errPage, s.Name(), err)
		}
		s.stored, s.rev, s.found = seq, rev, true
	}
	return nil
}

// checkParts refuses a state that has lost a section which its last checkpoint wrote. One that is new in this program
// begins with the records that are replayed.
func (p *partition) checkParts(man manifest) error {
	for _, name := range man.Sections {
		i := slices.IndexFunc(p.parts, func(s part) bool { return s.Name() == name })
		if i < 0 {
			p.s.deps.Log.Warn("a section of the partition's state is not known to this program and is left behind", "partition", p.n, "section", name)
		} else if s := &p.parts[i]; !s.found || s.stored < man.Through {
			return fmt.Errorf("%w: section %s is at %d, the checkpoint at %d", errPage, name, s.stored, man.Through)
		}
	}
	for i := range p.parts {
		if s := &p.parts[i]; s.found && !slices.Contains(man.Sections, s.Name()) {
			// Left behind by a program that did not know it, or written just now. Which of the two cannot be told.
			s.stored, s.found = 0, false
			if err := s.Restore(0, nil); err != nil {
				return fmt.Errorf("%w: emptying section %s: %w", errPage, s.Name(), err)
			}
		}
	}
	return nil
}

// discard begins a batch anew in all sections.
func (p *partition) discard() {
	for i := range p.parts {
		p.parts[i].Discard()
	}
}

// takeParts hands a stored record to the sections that do not have it.
func (p *partition) takeParts(seq uint64, rec *riskdv1.JournalRecord) {
	for i := range p.parts {
		if s := &p.parts[i]; s.stored < seq {
			s.Take(rec)
		}
	}
}
