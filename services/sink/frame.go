package sink

// vec is one column of a frame.
type vec[T any] struct {
	name string
	v    []T
}

func (c *vec[T]) add(x T)        { c.v = append(c.v, x) }
func (c *vec[T]) column() column { return column{c.name, c.v} }
func (c *vec[T]) rows() int      { return len(c.v) }

// frame is a table's columns while they are filled.
type frame struct {
	name string
	room int // rows to make room for
	cols []interface {
		column() column
		rows() int
	}
}

func col[T any](f *frame, name string) *vec[T] {
	c := &vec[T]{name: name, v: make([]T, 0, f.room)}
	f.cols = append(f.cols, c)
	return c
}

func (f *frame) rows() int { return f.cols[0].rows() }

func (f *frame) table(rename func(string) string) table {
	t := table{name: rename(f.name)}
	for _, c := range f.cols {
		t.columns = append(t.columns, c.column())
	}
	return t
}

// place is a row's position in the journal.
type place struct {
	partition uint16
	seq       uint64
	idx       uint32
	decided   int64
	policies  uint64 // revision
}

type placeCols struct {
	partition *vec[uint16]
	seq       *vec[uint64]
	idx       *vec[uint32]
	decided   *vec[int64]
}

func newPlaceCols(f *frame) placeCols {
	return placeCols{col[uint16](f, "partition"), col[uint64](f, "seq"), col[uint32](f, "idx"), col[int64](f, "decided_at")}
}

func (c placeCols) add(p place) {
	c.partition.add(p.partition)
	c.seq.add(p.seq)
	c.idx.add(p.idx)
	c.decided.add(p.decided)
}
