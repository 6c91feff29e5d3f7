package natsjs

import "strings"

// delivery is which stored message a reply is that of.
type delivery struct {
	seq, cseq uint64 // of the stream, and of the consumer
	ns        int64  // when it was stored
	pending   uint64
	ok        bool // it is that of one
}

// parseReply reads $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<seq>.<cseq>.<ns>.<pending>[.<random>].
func parseReply(reply string) (none delivery) {
	name := nameToken(reply)
	if name == 0 {
		return none
	}
	at, skip := 0, name+2 // tokens before the stream sequence
	for range skip {
		at += strings.IndexByte(reply[at:], '.') + 1
	}
	var nums [4]uint64
	for i := range nums {
		from := at
		var n uint64
		for ; at < len(reply) && reply[at] != '.'; at++ {
			d := reply[at] - '0'
			if d > 9 || at-from >= 19 { // what has 19 digits fits
				return none
			}
			n = n*10 + uint64(d)
		}
		if at == from {
			return none
		}
		nums[i] = n
		at++
	}
	return delivery{nums[0], nums[1], int64(nums[2]), nums[3], true}
}

// nameToken is which token of a reply, from 0, is the consumer's name; 0 when it is not the reply of a stored message.
func nameToken(reply string) int {
	if !strings.HasPrefix(reply, "$JS.ACK.") {
		return 0
	}
	switch dots := strings.Count(reply, "."); {
	case dots == 8:
		return 3
	case dots >= 10:
		return 5
	}
	return 0
}

// consumerOf is the consumer's name in a reply, "" when it is not the reply of a stored message.
func consumerOf(reply string) string {
	name := nameToken(reply)
	if name == 0 {
		return ""
	}
	for range name {
		reply = reply[strings.IndexByte(reply, '.')+1:]
	}
	return reply[:strings.IndexByte(reply, '.')]
}
