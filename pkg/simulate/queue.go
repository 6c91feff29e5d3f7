package simulate

// runner is anything that acts at a time and says when it acts next (0: never again).
type runner interface {
	step(w *World, at int64) (next int64)
}

type queued struct {
	at  int64
	seq uint64
	run runner
}

// queue is a binary heap by time, then by order of arrival.
type queue struct {
	heap []queued
	seq  uint64
}

func (q *queue) push(at int64, r runner) {
	q.seq++
	q.heap = append(q.heap, queued{at, q.seq, r})
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !q.less(i, up) {
			break
		}
		q.heap[i], q.heap[up] = q.heap[up], q.heap[i]
		i = up
	}
}

func (q *queue) less(i, j int) bool {
	a, b := &q.heap[i], &q.heap[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (q *queue) pop() (int64, runner, bool) {
	n := len(q.heap)
	if n == 0 {
		return 0, nil, false
	}
	top := q.heap[0]
	q.heap[0] = q.heap[n-1]
	q.heap[n-1] = queued{}
	q.heap = q.heap[:n-1]
	for i := 0; ; {
		l := 2*i + 1
		if l >= len(q.heap) {
			break
		}
		if r := l + 1; r < len(q.heap) && q.less(r, l) {
			l = r
		}
		if !q.less(l, i) {
			break
		}
		q.heap[i], q.heap[l] = q.heap[l], q.heap[i]
		i = l
	}
	return top.at, top.run, true
}
