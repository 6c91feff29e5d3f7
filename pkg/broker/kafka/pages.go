package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
)

// Pages visits every page's newest version. What ReadPage has read since the claim is not read again.
func (l *partitionLog) Pages(ctx context.Context, visit func(broker.Page) error) error {
	all, err := l.scan(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.scanned = nil
	l.mu.Unlock()
	for _, p := range all {
		if err := visit(p); err != nil {
			return err
		}
	}
	return nil
}

// scanTimeout bounds the reading of a partition's pages.
const scanTimeout = 2 * time.Minute

// ReadPage reads the partition's pages through: a compacted topic has no other way to find one. That may take longer than a request should:
// ctx can cancel it, but its deadline does not count.
func (l *partitionLog) ReadPage(ctx context.Context, name string) (broker.Page, bool, error) {
	scan, cancel := context.WithTimeout(context.WithoutCancel(ctx), scanTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	defer stop()
	all, err := l.scan(scan)
	p, ok := all[name]
	return p, ok, err
}

func (l *partitionLog) scan(ctx context.Context) (map[string]broker.Page, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.scanned != nil {
		return l.scanned, nil
	}
	topic := l.b.topic(pagesTopic)
	at, err := l.b.settled(ctx, topic, l.n)
	if err != nil {
		return nil, err
	}
	all := make(map[string]broker.Page)
	err = l.b.read(ctx, topic, l.n, at.start, at.stable, func(r *kgo.Record) error {
		if r.Value == nil {
			delete(all, string(r.Key))
		} else {
			all[string(r.Key)] = broker.Page{Name: string(r.Key), Data: r.Value, Rev: seqOf(r.Offset)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.scanned = all
	return all, nil
}

// StorePage stores a page with the next batch, or soon by itself. The claim is what guards it: rev is not asked for.
func (l *partitionLog) StorePage(ctx context.Context, name string, _ uint64, data []byte) (uint64, error) {
	w := &pageWrite{name: name, data: data, done: make(chan struct{})}
	l.mu.Lock()
	l.waiting = append(l.waiting, w)
	l.scanned = nil
	l.mu.Unlock()
	soon, cancel := context.WithTimeout(ctx, pagePatience)
	defer cancel()
	select {
	case <-w.done:
		return w.rev, w.err
	case <-soon.Done():
	}
	for {
		select {
		case <-w.done:
			return w.rev, w.err
		case l.turn <- struct{}{}:
			select {
			case <-w.done:
			default:
				if err := l.transact(ctx, nil, 0); err == errUnclaimed {
					l.giveUp(w)
					l.unlock()
					return 0, err
				}
			}
			l.unlock()
		case <-ctx.Done():
			if l.giveUp(w) {
				return 0, ctx.Err()
			}
			<-w.done // it is in a transaction, which ends
			return w.rev, w.err
		}
	}
}

// giveUp takes a page off the list; false when a transaction has it.
func (l *partitionLog) giveUp(w *pageWrite) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range l.waiting {
		if o == w {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// takePages takes as many waiting pages as go into one transaction.
func (l *partitionLog) takePages() []*pageWrite {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, bytes := 0, 0
	for n < len(l.waiting) && n < pagesTogether && (n == 0 || bytes+len(l.waiting[n].data) <= pageBytesTogether) {
		bytes += len(l.waiting[n].data)
		n++
	}
	taken := l.waiting[:n:n]
	l.waiting = append([]*pageWrite(nil), l.waiting[n:]...)
	return taken
}
