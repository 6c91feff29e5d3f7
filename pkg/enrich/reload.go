package enrich

import (
	"context"
	"time"
)

// Run watches the database files and swaps changed ones in; it blocks until ctx is done. A file
// that cannot be read is reported and the data in use stays.
func (e *Enricher) Run(ctx context.Context) error {
	tick := time.NewTicker(e.cfg.ReloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			e.Reload()
		}
	}
}

// Reload looks at the files once and swaps in those that have changed; it returns how many.
func (e *Enricher) Reload() int {
	old := e.data.Load()
	next := &databases{city: append([]*city(nil), old.city...), asn: append([]*asn(nil), old.asn...)}
	changed := 0
	for i, db := range next.city {
		changed += e.refresh(&db.file, func() (err error) {
			next.city[i], err = openCity(db.path, e.cfg.RecordCache)
			return err
		})
	}
	for i, db := range next.asn {
		changed += e.refresh(&db.file, func() (err error) {
			next.asn[i], err = openASN(db.path, e.cfg.RecordCache, e.kinds)
			return err
		})
	}
	if changed > 0 {
		next.describe()
		e.data.Store(next)
		e.cfg.Log.Info("geo data reloaded", "version", next.version)
	}
	return changed
}

func (e *Enricher) refresh(f *file, open func() error) int {
	now, err := stampOf(f.path)
	if err == nil && now == f.stamp {
		return 0
	}
	if err == nil {
		err = open()
	}
	if err != nil {
		e.stats.reloadErrors.Add(1)
		e.cfg.Log.Warn("geo data not reloaded, the data in use stays", "error", err)
		return 0
	}
	e.stats.reloads.Add(1)
	return 1
}
