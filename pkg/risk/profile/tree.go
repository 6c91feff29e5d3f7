package profile

// NoParent marks a node at the root.
const NoParent = 0xff

// MaxLevels is the depth of the deepest hierarchy.
const MaxLevels = 4

// Node is one value at one level of a hierarchy.
type Node struct {
	// Key names the value among its siblings of the same level; never 0.
	Key uint32
	// Parent is the index of the coarser value, or NoParent. Parents come before their children.
	Parent uint8
	// Level is 0 for the coarsest.
	Level uint8
	// Weight is the faded sum of observations (see Clock).
	Weight uint32
}

// Tree counts values that lie in hierarchies, such as country > ASN > prefix > address.
type Tree struct{ Nodes []Node }

// Path is one observation: the key at each level, coarse to fine; 0 where unknown. An unknown level is
// skipped: what lies below hangs from the nearest known level above.
type Path [MaxLevels]uint32

// Step is what a tree says of one level of a path.
type Step struct {
	// Node is the index of the value, or -1 when it was never seen there.
	Node int
	// Own is the sum of this value; Siblings the sum of all values seen in its place, this one included.
	Own, Siblings uint32
	// Kinds counts the different siblings in units of one present observation: each counts at most 1.
	Kinds uint32
}

// Walk finds what is known at each level of a path, down to the first value that was never seen; what lies below
// that, and at unknown levels, has no Node. unit is the present weight of one observation.
func (t *Tree) Walk(path *Path, unit uint32) (steps [MaxLevels]Step) {
	// Parents come before their children, so that one pass sees all levels: below names the parent whose children
	// count at each level, which is known once the coarser value was found.
	const nobody = 0x100
	var below [MaxLevels + 1]uint16
	var next [MaxLevels]uint8
	finer := uint8(MaxLevels)
	for level := MaxLevels - 1; level >= 0; level-- {
		steps[level].Node, below[level], next[level] = -1, nobody, finer
		if path[level] != 0 {
			finer = uint8(level)
		}
	}
	below[finer] = NoParent
	for i := range t.Nodes {
		n := &t.Nodes[i]
		level := n.Level % MaxLevels
		if uint16(n.Parent) != below[level] {
			continue
		}
		s := &steps[level]
		s.Siblings = saturate(s.Siblings, n.Weight)
		s.Kinds += min(n.Weight, unit)
		if n.Key == path[level] {
			s.Node, s.Own = i, n.Weight
			below[next[level]] = uint16(i)
		}
	}
	return steps
}

func parentOf(n *Node) int {
	if n.Parent == NoParent {
		return -1
	}
	return int(n.Parent)
}

// Find returns the index of a value below parent (-1 is the root), or -1.
func (t *Tree) Find(parent, level int, key uint32) int {
	for i := parent + 1; i < len(t.Nodes); i++ {
		n := &t.Nodes[i]
		if n.Key == key && int(n.Level) == level && n.Parent == uint8(parent) {
			return i
		}
	}
	return -1
}

// Add learns one observation with the given weight, and keeps the tree within limit nodes by dropping the
// least used leaves.
func (t *Tree) Add(path Path, weight uint32, limit int) {
	parent := -1
	for level, key := range path {
		if key == 0 {
			continue
		}
		i := t.Find(parent, level, key)
		if i < 0 {
			if len(t.Nodes) >= limit {
				var ok bool
				if parent, ok = t.evict(parent); !ok {
					return
				}
			}
			n := Node{Key: key, Parent: NoParent, Level: uint8(level)}
			if parent >= 0 {
				n.Parent = uint8(parent)
			}
			t.Nodes = append(t.Nodes, n)
			i = len(t.Nodes) - 1
		}
		t.Nodes[i].Weight = saturate(t.Nodes[i].Weight, weight)
		if t.Nodes[i].Weight > maxWeight {
			t.halve()
		}
		parent = i
	}
}

// evict drops the least used leaf that is not an ancestor of keep, and returns keep's new index.
func (t *Tree) evict(keep int) (newKeep int, ok bool) {
	var inner [256]bool
	for i := range t.Nodes {
		if p := t.Nodes[i].Parent; p != NoParent {
			inner[p] = true
		}
	}
	for k := keep; k >= 0; k = parentOf(&t.Nodes[k]) {
		inner[k] = true
	}
	least := -1
	for i := range t.Nodes {
		if !inner[i] && (least < 0 || t.Nodes[i].Weight < t.Nodes[least].Weight) {
			least = i
		}
	}
	if least < 0 {
		return keep, false
	}
	t.remove(least)
	if keep > least {
		keep--
	}
	return keep, true
}

// remove takes out a leaf.
func (t *Tree) remove(i int) {
	t.Nodes = append(t.Nodes[:i], t.Nodes[i+1:]...)
	for j := i; j < len(t.Nodes); j++ {
		if p := t.Nodes[j].Parent; p != NoParent && int(p) > i {
			t.Nodes[j].Parent = p - 1
		}
	}
}

// fade halves all sums n times and drops what is gone, leaves first.
func (t *Tree) fade(n uint) {
	for i := range t.Nodes {
		t.Nodes[i].Weight = shift(t.Nodes[i].Weight, n)
	}
	for i := len(t.Nodes) - 1; i >= 0; i-- {
		if t.Nodes[i].Weight == 0 && !t.hasChild(i) {
			t.remove(i)
		}
	}
}

// halve keeps sums in range without moving nodes.
func (t *Tree) halve() {
	for i := range t.Nodes {
		t.Nodes[i].Weight = shift(t.Nodes[i].Weight, 1)
	}
}

func (t *Tree) hasChild(i int) bool {
	for j := i + 1; j < len(t.Nodes); j++ {
		if int(t.Nodes[j].Parent) == i && t.Nodes[j].Parent != NoParent {
			return true
		}
	}
	return false
}
