package profile

// Device is a token the app gave to one browser or installation, and what it ran on.
type Device struct {
	// Token names the token; 0 gathers what came without any.
	Token uint64
	// Agent names device class, system and browser the token was last proven with; 0 is unknown.
	Agent uint32
	// Weight is the faded sum of observations.
	Weight uint32
}

// Devices are the tokens of a user.
type Devices []Device

// Find returns the index of a token, or -1.
func (ds Devices) Find(token uint64) int {
	for i := range ds {
		if ds[i].Token == token {
			return i
		}
	}
	return -1
}

// Mass sums up what was seen with a token, without one, and how many tokens there are, in the units of unit
// (each token counts at most one present observation).
func (ds Devices) Mass(unit uint32) (with, without, kinds uint32) {
	for i := range ds {
		d := &ds[i]
		if d.Token == 0 {
			without = d.Weight
			continue
		}
		with = saturate(with, d.Weight)
		kinds += min(d.Weight, unit)
	}
	return with, without, kinds
}

// Add learns one observation of a token (0: none) on the given agent.
func (ds *Devices) Add(token uint64, agent, weight uint32) {
	i := ds.Find(token)
	if i < 0 {
		if len(*ds) >= MaxDevices {
			ds.evict()
		}
		*ds = append(*ds, Device{Token: token})
		i = len(*ds) - 1
	}
	d := &(*ds)[i]
	if token != 0 && agent != 0 {
		d.Agent = agent
	}
	d.Weight = saturate(d.Weight, weight)
	if d.Weight > maxWeight {
		ds.halve()
	}
}

func (ds *Devices) evict() {
	least := 0
	for i := range *ds {
		if (*ds)[i].Weight < (*ds)[least].Weight {
			least = i
		}
	}
	*ds = append((*ds)[:least], (*ds)[least+1:]...)
}

func (ds *Devices) halve() {
	for i := range *ds {
		(*ds)[i].Weight = shift((*ds)[i].Weight, 1)
	}
}

func (ds *Devices) fade(n uint) {
	kept := (*ds)[:0]
	for _, d := range *ds {
		if d.Weight = shift(d.Weight, n); d.Weight > 0 {
			kept = append(kept, d)
		}
	}
	*ds = kept
}
