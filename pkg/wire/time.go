package wire

import "time"

// parseTime reads RFC 3339 to Unix milliseconds. Times before 1970 or after 9999 are refused.
func parseTime(s string) (ms int64, ok bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, false
	}
	ms = t.UnixMilli()
	return ms, ms > 0 && ms <= maxTimeMS
}

func (sc *scanner) time(field string) int64 {
	s := sc.text(field)
	if s == "" {
		return 0
	}
	ms, ok := parseTime(s)
	if !ok && sc.err == nil {
		sc.err = invalid(ReasonBadValue, field+": want RFC 3339")
	}
	return ms
}

// authTime is RFC 3339, or Unix seconds as in OpenID Connect's auth_time claim.
func (sc *scanner) authTime() int64 {
	const field = "session.auth_time"
	if c := sc.peek(); c == '"' || c == 'n' {
		return sc.time(field)
	}
	f, given := sc.number(field)
	if !given || f == 0 {
		return 0
	}
	ms := f * 1000
	if !(ms > 0 && ms <= maxTimeMS) {
		if sc.err == nil {
			sc.err = invalid(ReasonBadValue, field+": want RFC 3339 or Unix seconds")
		}
		return 0
	}
	return int64(ms)
}

func (o *object) time(k string, ms int64) {
	o.name(k)
	o.b = AppendTime(append(o.b, '"'), ms)
	o.b = append(o.b, '"')
}

// AppendTime appends Unix milliseconds as RFC 3339 in UTC; the fraction is there only when it is
// not zero, and then has three digits.
func AppendTime(dst []byte, ms int64) []byte {
	t := time.UnixMilli(ms).UTC()
	if ms%1000 == 0 {
		return t.AppendFormat(dst, "2006-01-02T15:04:05Z")
	}
	return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}
