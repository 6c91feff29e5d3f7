package natsjs

import "strings"

// parseReply reads $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<seq>.<cseq>.<ns>.<pending>[.<random>].
func parseReply(reply string) (seq, cseq uint64, ns int64, pending uint64, ok bool) {
	name := nameToken(reply)
	if name == 0 {
		return 0, 0, 0, 0, false
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
				return 0, 0, 0, 0, false
			}
			n = n*10 + uint64(d)
		}
		if at == from {
			return 0, 0, 0, 0, false
		}
		nums[i] = n
		at++
	}
	return nums[0], nums[1], int64(nums[2]), nums[3], true
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
