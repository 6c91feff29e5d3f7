package scorer

import (
	"context"
	"encoding/json"
	"fmt"
)

const manifestPage = -1

// manifestName is the manifest's name among the pages, which are called by their numbers.
const manifestName = "manifest"

// manifest is the page stream's index: every stored page and section is complete at least up to Through.
type manifest struct {
	Version  int      `json:"v"`
	Pages    int      `json:"pages"`
	Through  uint64   `json:"through"`
	Sections []string `json:"sections,omitempty"`
	// Stored has a bit for each page that is stored, page 0 the lowest of the first byte; pages are never taken away. Earlier programs left it out.
	Stored []byte `json:"stored,omitempty"`
}

// missing is the first page that should be there and was not read, -1 when there is none.
func (m *manifest) missing(st *store) int {
	for n := range min(8*len(m.Stored), pageCount) {
		if m.Stored[n/8]>>(n%8)&1 == 1 && st.pages[n].rev == 0 {
			return n
		}
	}
	return -1
}

// storedPages are the bits of a manifest.
func (s *store) storedPages() []byte {
	bits := make([]byte, pageCount/8)
	for n := range s.pages {
		if s.pages[n].rev > 0 {
			bits[n/8] |= 1 << (n % 8)
		}
	}
	return bits
}

func (p *partition) readManifest(stop context.Context) (m manifest, rev uint64, err error) {
	ctx, cancel := context.WithTimeout(stop, readTimeout)
	defer cancel()
	pg, ok, err := p.log.ReadPage(ctx, manifestName)
	if err != nil || !ok {
		return m, 0, err
	}
	if err := json.Unmarshal(pg.Data, &m); err != nil || m.Version != 1 || m.Pages != pageCount {
		return m, 0, fmt.Errorf("%w: manifest %q", errPage, pg.Data)
	}
	return m, pg.Rev, nil
}

func (p *partition) partNames() []string {
	names := make([]string, len(p.parts))
	for i := range p.parts {
		names[i] = p.parts[i].Name()
	}
	return names
}
