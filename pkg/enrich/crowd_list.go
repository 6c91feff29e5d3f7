package enrich

// list moves a spot to the newest end.
func (c *Crowd) list(g *spot) {
	if c.newest == g {
		return
	}
	if g.listed {
		c.unlist(g)
	} else {
		g.listed = true
		c.spots++
	}
	g.older, g.newer = c.newest, nil
	if c.newest != nil {
		c.newest.newer = g
	}
	c.newest = g
	if c.oldest == nil {
		c.oldest = g
	}
}

func (c *Crowd) unlist(g *spot) {
	if g.newer != nil {
		g.newer.older = g.older
	} else {
		c.newest = g.older
	}
	if g.older != nil {
		g.older.newer = g.newer
	} else {
		c.oldest = g.newer
	}
}

func (c *Crowd) drop(g *spot) {
	c.unlist(g)
	g.listed = false
	c.spots--
	c.visits -= len(g.users)
	sh := c.square.shard(g.key)
	sh.Lock()
	c.unlink(g)
	sh.Unlock()
}

// unlink takes a spot out of the square; its key's lock is held.
func (c *Crowd) unlink(g *spot) {
	spots := &c.square.shard(g.key).spots
	if first := spots.get(g.key); first != g {
		for first.peer != g {
			first = first.peer
		}
		first.peer = g.peer
	} else if g.peer != nil {
		spots.put(g.key, g.peer)
	} else {
		spots.remove(g.key)
	}
	g.peer = nil
}
