package enrich

import (
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/mileusna/useragent"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// maxAgentName bounds names taken from a user agent, bytes: the sender chooses them.
const maxAgentName = 48

// agents parses user agents and remembers them.
type agents struct {
	cache *cache[string, *riskdv1.Agent]
}

func newAgents(size int) *agents { return &agents{newCache[string, *riskdv1.Agent](size)} }

// parse returns nil for an empty header. The result is shared.
func (a *agents) parse(ua string, s *stats) *riskdv1.Agent {
	if ua == "" {
		return nil
	}
	hash := xxhash.Sum64String(ua)
	if got, ok := a.cache.get(hash, ua); ok {
		return got
	}
	s.agentMisses.Add(1)
	ua = strings.Clone(ua)
	got := ParseAgent(ua)
	if a.cache.put(hash, ua, got) {
		s.agentEvicted.Add(1)
	}
	return got
}

// ParseAgent reads a User-Agent header. The parser of mileusna/useragent knows the browsers; what
// it gets wrong for today's headers is corrected here: tablets, web views, scripted clients, and
// names that are no names.
func ParseAgent(ua string) *riskdv1.Agent {
	p := useragent.Parse(ua)
	out := &riskdv1.Agent{
		Browser:      name(p.Name),
		BrowserMajor: major(p.Version),
		Os:           name(p.OS),
		OsMajor:      major(p.OSVersion),
	}
	low := strings.ToLower(ua)
	switch {
	case strings.Contains(ua, "; wv)"): // Android's embedded browser
		out.Browser, out.BrowserMajor = "Android WebView", major(after(ua, "Chrome/"))
	case strings.Contains(ua, "GSA/") && p.OS == useragent.IOS:
		out.Browser, out.BrowserMajor = "Google App", major(after(ua, "GSA/"))
	case p.OS == useragent.IOS && strings.Contains(ua, "AppleWebKit/") && !strings.Contains(ua, "Safari/"):
		out.Browser = "iOS WebView"
		if app := inApp(ua); app != "" {
			out.Browser = app
		}
		out.BrowserMajor = out.OsMajor
	case strings.Contains(ua, "YaBrowser/"):
		out.Browser, out.BrowserMajor = "Yandex Browser", major(after(ua, "YaBrowser/"))
	case strings.Contains(ua, "UCBrowser/"):
		out.Browser, out.BrowserMajor = "UC Browser", major(after(ua, "UCBrowser/"))
	case strings.Contains(ua, "Trident/") && strings.Contains(ua, "rv:"):
		out.Browser, out.BrowserMajor = useragent.InternetExplorer, major(after(ua, "rv:"))
	case strings.HasPrefix(ua, "Opera/") && strings.Contains(ua, "Version/"):
		out.BrowserMajor = major(after(ua, "Version/"))
	case p.Name == ua && strings.HasPrefix(ua, "Mozilla/"): // nothing but what all of them say
		out.Browser = ""
	case strings.Contains(ua, "Electron/") && strings.HasPrefix(ua, "Mozilla/"):
		// The app's own name stands before Chrome's; without one it is just Electron.
		if out.Browser == "Electron" || out.Browser == "Chrome" {
			out.Browser, out.BrowserMajor = "Electron", major(after(ua, "Electron/"))
		}
	}
	if strings.Contains(ua, "X11; CrOS") {
		out.Os, out.OsMajor = "ChromeOS", major(after(after(ua, "CrOS "), " "))
	}
	out.DeviceClass = class(ua, low, &p)
	if out.DeviceClass == "other" && !strings.HasPrefix(ua, "Mozilla/") {
		// curl/8.5.0, okhttp/4.12: the product comes first.
		product, version, _ := strings.Cut(strings.Trim(strings.SplitN(ua, " ", 2)[0], "[]()"), "/")
		out.Browser, out.BrowserMajor = name(product), major(version)
	}
	return out
}

func class(ua, low string, p *useragent.UserAgent) string {
	switch {
	case crawler(low) || p.Bot && strings.HasPrefix(ua, "Mozilla/") && !strings.Contains(low, "fbav"):
		return "bot"
	case strings.Contains(low, "smart-tv") || strings.Contains(low, "smarttv") || strings.Contains(low, "appletv") ||
		strings.Contains(low, "android tv") || strings.Contains(low, "googletv") || strings.Contains(low, "aft") && strings.Contains(low, "silk") ||
		strings.Contains(low, "playstation") || strings.Contains(low, "xbox") || strings.Contains(low, "nintendo"):
		return "other"
	case strings.Contains(ua, "iPad"):
		return "tablet"
	case strings.Contains(ua, "iPhone") || strings.Contains(ua, "iPod"):
		return "phone"
	case strings.HasPrefix(ua, "Mozilla/") && strings.Contains(ua, "Android"):
		// Android's own rule: phones say Mobile, tablets do not.
		if p.Tablet || !strings.Contains(ua, "Mobile") {
			return "tablet"
		}
		return "phone"
	case !strings.HasPrefix(ua, "Mozilla/") && !strings.HasPrefix(ua, "Opera/"):
		return "other"
	case p.Tablet:
		return "tablet"
	case p.Mobile:
		return "phone"
	case p.Desktop:
		return "desktop"
	}
	return "other"
}

// crawler tells machines that say so, and browsers without a screen.
func crawler(low string) bool {
	for _, w := range []string{"bot/", "bot;", "bot)", "bot ", "-bot", "crawler", "spider", "headless", "phantomjs", "lighthouse", "slurp", "facebookexternalhit", "+http"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return strings.HasSuffix(low, "bot")
}

// inApp names the app of an iOS web view by its own token.
func inApp(ua string) string {
	switch {
	case strings.Contains(ua, "FBAN/") || strings.Contains(ua, "FBAV/"):
		return "Facebook App"
	case strings.Contains(ua, "Instagram"):
		return "Instagram App"
	case strings.Contains(ua, "MicroMessenger/"):
		return "WeChat"
	case strings.Contains(ua, "Line/"):
		return "LINE"
	}
	return ""
}

// name bounds a name and drops bytes that could only come from a forger.
func name(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == 0xFFFD {
			return -1
		}
		return r
	}, s)
	for len(s) > maxAgentName {
		s = strings.ToValidUTF8(s[:maxAgentName], "")
	}
	return strings.Clone(strings.TrimSpace(s))
}

// major is the first number of a version, 0 when there is none.
func major(version string) uint32 {
	var n uint32
	for i := 0; i < len(version) && i < 6; i++ {
		c := version[i]
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + uint32(c-'0')
	}
	return n
}

func after(s, token string) string {
	_, rest, _ := strings.Cut(s, token)
	return rest
}
