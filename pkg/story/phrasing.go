package story

import (
	"math"
	"strconv"
	"strings"
)

func join(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, " ")
}

func prefix(with, s string) string {
	if s == "" {
		return ""
	}
	return with + s
}

func bracket(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func and(s []string) string {
	switch len(s) {
	case 0:
		return ""
	case 1:
		return s[0]
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}

func are(n float64) string {
	if n >= 1.5 {
		return "are"
	}
	return "is"
}

// count is "1 login", "3 logins".
func count(n float64, what string) string {
	n = math.Round(n)
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}

// number writes a number for reading: thousands apart from 10 up without decimals, below with one.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "unknown"
	}
	digits := 0
	if math.Abs(v) < 10 && v != math.Trunc(v) {
		digits = 1
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if frac != "" {
		b.WriteString("." + frac)
	}
	return sign + b.String()
}

// span is a duration of so many hours for reading.
func span(hours float64) string {
	s := math.Abs(hours) * 3600
	switch {
	case s < 90:
		return count(s, "second")
	case s < 120*60:
		return count(s/60, "minute")
	case s < 48*3600:
		return number(math.Round(hours*10)/10) + " hours"
	}
	return count(hours/24, "day")
}

// size is so many bytes for reading.
func size(bytes float64) string {
	units := []string{"bytes", "KB", "MB", "GB", "TB", "PB"}
	i := 0
	for bytes >= 1000 && i < len(units)-1 {
		bytes /= 1000
		i++
	}
	return number(bytes) + " " + units[i]
}
