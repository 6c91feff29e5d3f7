package profile

// Count is the faded sum of one named thing.
type Count struct {
	Key    uint32
	Weight uint32
}

// Actions counts what a user does, and which action followed which.
type Actions struct {
	Single []Count
	Pair   []Count
}

// Of is what is known of one action.
type Of struct {
	// Own is the action's sum, All the sum of all actions, Kinds how many there are (see Step.Kinds).
	Own, All, Kinds uint32
	// Rarer is the sum of all actions done at most as often, this one included.
	Rarer uint32
}

// Lookup finds an action's sums. unit is the present weight of one observation.
func (a *Actions) Lookup(key, unit uint32) Of { return lookup(a.Single, key, unit) }

// Follow returns the sum of b right after a.
func (a *Actions) Follow(prev, key uint32) uint32 {
	if i := find(a.Pair, Mix32(prev, key)); i >= 0 {
		return a.Pair[i].Weight
	}
	return 0
}

// Add learns an action, and that it followed prev (0: nothing).
func (a *Actions) Add(prev, key, weight uint32) {
	a.Single = add(a.Single, key, weight)
	if prev != 0 {
		a.Pair = add(a.Pair, Mix32(prev, key), weight)
	}
}

func (a *Actions) fade(n uint) {
	a.Single = fade(a.Single, n)
	a.Pair = fade(a.Pair, n)
}

func find(cs []Count, key uint32) int {
	for i := range cs {
		if cs[i].Key == key {
			return i
		}
	}
	return -1
}

func lookup(cs []Count, key, unit uint32) (o Of) {
	if i := find(cs, key); i >= 0 {
		o.Own = cs[i].Weight
	}
	for i := range cs {
		w := cs[i].Weight
		o.All = saturate(o.All, w)
		o.Kinds += min(w, unit)
		if w <= o.Own {
			o.Rarer = saturate(o.Rarer, w)
		}
	}
	return o
}

func add(cs []Count, key, weight uint32) []Count {
	i := find(cs, key)
	if i < 0 {
		if len(cs) >= MaxActions {
			least := 0
			for j := range cs {
				if cs[j].Weight < cs[least].Weight {
					least = j
				}
			}
			cs = append(cs[:least], cs[least+1:]...)
		}
		cs = append(cs, Count{Key: key})
		i = len(cs) - 1
	}
	if cs[i].Weight = saturate(cs[i].Weight, weight); cs[i].Weight > maxWeight {
		for j := range cs {
			cs[j].Weight = shift(cs[j].Weight, 1)
		}
	}
	return cs
}

func fade(cs []Count, n uint) []Count {
	kept := cs[:0]
	for _, c := range cs {
		if c.Weight = shift(c.Weight, n); c.Weight > 0 {
			kept = append(kept, c)
		}
	}
	return kept
}
