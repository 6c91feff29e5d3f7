package simulate

import (
	"strconv"
	"time"
)

// platform is a browser on an operating system, as its user agent string shows it.
type platform uint8

const (
	winChrome platform = iota
	winEdge
	winFirefox
	macChrome
	macSafari
	macFirefox
	linuxChrome
	linuxFirefox
	chromeOS
	androidChrome
	samsungInternet
	iosSafari
	iosChrome
	winOpera
	numPlatforms
)

// Shares by device class, after the public browser statistics of 2026 (rounded).
var (
	desktopShares = [numPlatforms]float64{
		winChrome: 43, winEdge: 15, winFirefox: 5, macChrome: 14, macSafari: 12, macFirefox: 1.5,
		linuxChrome: 3, linuxFirefox: 1.5, chromeOS: 2.5, winOpera: 2.5,
	}
	phoneShares = [numPlatforms]float64{androidChrome: 52, samsungInternet: 5, iosSafari: 38, iosChrome: 5}
)

// release is a browser version and the day it reached the stable channel.
type release struct {
	version string
	day     int64 // days since 1970-01-01
}

func date(s string) int64 {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err) // a constant of this file
	}
	return t.Unix() / 86400
}

// rhythm is a version line: known releases, then one every `every` days (vendors publish their
// schedules: Chrome went from four weeks to two with 153, Firefox keeps four).
type rhythm struct {
	major int
	from  int64
	every int64
}

// lines are the schedules, each line valid from its own day until the next line's.
var (
	chromeLines  = []rhythm{{131, date("2024-11-12"), 28}, {144, date("2026-01-13"), 28}, {153, date("2026-09-08"), 14}}
	firefoxLines = []rhythm{{134, date("2025-01-07"), 28}, {147, date("2026-01-13"), 28}, {156, date("2026-09-22"), 28}}
	operaLines   = []rhythm{{115, date("2024-11-27"), 30}, {126, date("2026-01-15"), 30}, {136, date("2026-09-15"), 28}}
	samsungLines = []rhythm{{27, date("2024-11-01"), 150}, {29, date("2025-10-15"), 150}, {30, date("2026-06-01"), 160}}
	safariSteps  = []release{
		{"18.1", date("2024-10-28")}, {"18.2", date("2024-12-11")}, {"18.3", date("2025-01-27")}, {"18.4", date("2025-03-31")},
		{"18.5", date("2025-05-12")}, {"18.6", date("2025-07-29")}, {"26.0", date("2025-09-15")}, {"26.1", date("2025-11-03")},
		{"26.2", date("2025-12-12")}, {"26.3", date("2026-02-10")}, {"26.5", date("2026-05-12")}, {"26.5.2", date("2026-06-29")},
		{"26.6", date("2026-07-27")}, {"26.6.1", date("2026-08-19")}, {"27.0", date("2026-09-14")}, {"27.1", date("2026-10-27")},
	}
)

// majorAt is the newest version on that day.
func majorAt(lines []rhythm, day int64) int {
	v := lines[0].major
	for i, l := range lines {
		if day < l.from {
			break
		}
		v = l.major + int((day-l.from)/l.every)
		if i+1 < len(lines) && v >= lines[i+1].major {
			v = lines[i+1].major - 1
		}
	}
	return v
}

func stepAt(steps []release, day int64) string {
	v := steps[0].version
	for _, s := range steps {
		if s.day <= day {
			v = s.version
		}
	}
	return v
}

// agentString is the header this platform sends on that day, when it takes updates lag days
// after their release. Chromium and Safari freeze most of the string; that is how they look.
func agentString(p platform, day, lag int64) string {
	d := day - lag
	chrome := strconv.Itoa(majorAt(chromeLines, d))
	firefox := strconv.Itoa(majorAt(firefoxLines, d))
	safari := stepAt(safariSteps, d)
	const kit = ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"
	switch p {
	case winEdge:
		return "Mozilla/5.0 (Windows NT 10.0; Win64; x64" + kit + chrome + ".0.0.0 Safari/537.36 Edg/" + chrome + ".0.0.0"
	case winFirefox:
		return "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:" + firefox + ".0) Gecko/20100101 Firefox/" + firefox + ".0"
	case winOpera:
		v := majorAt(operaLines, d)
		return "Mozilla/5.0 (Windows NT 10.0; Win64; x64" + kit + strconv.Itoa(v+16) + ".0.0.0 Safari/537.36 OPR/" + strconv.Itoa(v) + ".0.0.0"
	case macChrome:
		return "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7" + kit + chrome + ".0.0.0 Safari/537.36"
	case macSafari:
		return "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/" + safari + " Safari/605.1.15"
	case macFirefox:
		return "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:" + firefox + ".0) Gecko/20100101 Firefox/" + firefox + ".0"
	case linuxChrome:
		return "Mozilla/5.0 (X11; Linux x86_64" + kit + chrome + ".0.0.0 Safari/537.36"
	case linuxFirefox:
		return "Mozilla/5.0 (X11; Linux x86_64; rv:" + firefox + ".0) Gecko/20100101 Firefox/" + firefox + ".0"
	case chromeOS:
		return "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0" + kit + chrome + ".0.0.0 Safari/537.36"
	case androidChrome:
		return "Mozilla/5.0 (Linux; Android 10; K" + kit + chrome + ".0.0.0 Mobile Safari/537.36"
	case samsungInternet:
		v := majorAt(samsungLines, d)
		return "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/" + strconv.Itoa(v) + ".0 Chrome/" +
			strconv.Itoa(majorAt(chromeLines, d)-11) + ".0.0.0 Mobile Safari/537.36"
	case iosSafari:
		// Since iOS 26 the system version in the string stays at 18_7.
		return "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/" + safari + " Mobile/15E148 Safari/604.1"
	case iosChrome:
		return "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/" + chrome + ".0.0.0 Mobile/15E148 Safari/604.1"
	default:
		return "Mozilla/5.0 (Windows NT 10.0; Win64; x64" + kit + chrome + ".0.0.0 Safari/537.36"
	}
}

func (p platform) phone() bool { return p >= androidChrome && p <= iosChrome }

func drawPlatform(r *rng, phone bool) platform {
	if phone {
		return platform(r.weighted(phoneShares[:]))
	}
	return platform(r.weighted(desktopShares[:]))
}
