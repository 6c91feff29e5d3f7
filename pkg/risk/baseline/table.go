package baseline

// table maps names, which are hashes, to shares. It is a map that does not change, and is asked three times an event.
type table struct {
	keys   []uint32 // 0 is nothing; a power of two, at most half full
	shares []float64
}

func tabulate(of map[uint32]float64) table {
	size := 2
	for size < 2*len(of) {
		size *= 2
	}
	t := table{keys: make([]uint32, size), shares: make([]float64, size)}
	for _, key := range keys(of) { // in order: who comes first on a place stays there
		i := t.slot(key)
		t.keys[i], t.shares[i] = key, of[key]
	}
	return t
}

// slot is where a key is, or where it would be.
func (t *table) slot(key uint32) int {
	mask := uint32(len(t.keys) - 1)
	i := key & mask
	for t.keys[i] != 0 && t.keys[i] != key {
		i = (i + 1) & mask
	}
	return int(i)
}

// find is the share of a key, 0 when it is not listed.
func (t *table) find(key uint32) float64 { return t.shares[t.slot(key)] }
