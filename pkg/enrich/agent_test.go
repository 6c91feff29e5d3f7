package enrich

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUserAgentsOfTodayAreRead(t *testing.T) {
	const webkit = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
	const blink = "AppleWebKit/537.36 (KHTML, like Gecko)"
	for ua, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + blink + " Chrome/142.0.0.0 Safari/537.36":                                                             "Chrome 142 Windows 10 desktop",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + blink + " Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":                                               "Edge 142 Windows 10 desktop",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0":                                                                   "Firefox 145 Windows 10 desktop",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + webkit + " Version/26.1 Safari/605.1.15":                                                        "Safari 26 macOS 10 desktop",
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                             "Firefox 128 Linux 0 desktop",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " + blink + " Chrome/141.0.0.0 Safari/537.36":                                                              "Chrome 141 ChromeOS 14541 desktop",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) " + webkit + " Version/26.1 Mobile/15E148 Safari/604.1":                                      "Safari 26 iOS 18 phone",
		"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) " + webkit + " Version/17.5 Mobile/15E148 Safari/604.1":                                               "Safari 17 iOS 17 tablet",
		"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) " + webkit + " CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1":                                        "Chrome 142 iOS 17 tablet",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) " + webkit + " FxiOS/145.0 Mobile/15E148 Safari/605.1.15":                                    "Firefox 145 iOS 18 phone",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) " + webkit + " GSA/390.0.812345 Mobile/15E148 Safari/604.1":                                  "Google App 390 iOS 18 phone",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) " + webkit + " Mobile/15E148":                                                                "iOS WebView 18 iOS 18 phone",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) " + webkit + " Mobile/15E148 Instagram 400.0.0.20.70 (iPhone14,2; iOS 18_5; en_GB; scale=3)": "Instagram App 18 iOS 18 phone",
		"Mozilla/5.0 (Linux; Android 10; K) " + blink + " Chrome/142.0.0.0 Mobile Safari/537.36":                                                             "Chrome 142 Android 10 phone",
		"Mozilla/5.0 (Linux; Android 10; K) " + blink + " Chrome/142.0.0.0 Safari/537.36":                                                                    "Chrome 142 Android 10 tablet",
		"Mozilla/5.0 (Linux; Android 14; SM-S918B) " + blink + " SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36":                                  "Samsung Browser 27 Android 14 phone",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A.240205.004; wv) " + blink + " Version/4.0 Chrome/121.0.6167.178 Mobile Safari/537.36":            "Android WebView 121 Android 14 phone",
		"Mozilla/5.0 (Android 14; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0":                                                                               "Firefox 145 Android 14 phone",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + blink + " Chrome/138.0.0.0 YaBrowser/25.8.0.0 Safari/537.36":                                          "Yandex Browser 25 Windows 10 desktop",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + blink + " Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0":                                               "Opera 125 Windows 10 desktop",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + blink + " Slack/4.41.97 Chrome/130.0.6723.69 Electron/33.0.2 Safari/537.36":                     "Slack 4 macOS 10 desktop",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + blink + " Chrome/130.0.6723.69 Electron/33.0.2 Safari/537.36":                                   "Electron 33 macOS 10 desktop",
		"Mozilla/5.0 (X11; Linux x86_64) " + blink + " HeadlessChrome/142.0.0.0 Safari/537.36":                                                               "Headless Chrome 142 Linux 0 bot",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                                                           "Googlebot 2  0 bot",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36":   "Bingbot 2  0 bot",
		"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko":                                                                               "Internet Explorer 11 Windows 6 desktop",
		"Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.16":                                                                                          "Opera 12 Windows 6 desktop",
		"Mozilla/5.0 (Linux; U; Android 11; en-US; RMX2103) " + blink + " Version/4.0 Chrome/78.0.3904.108 UCBrowser/13.4.0.1306 Mobile Safari/537.36":       "UC Browser 13 Android 11 phone",
		"Mozilla/5.0 (Web0S; Linux/SmartTV) " + blink + " Chrome/79.0.3945.79 Safari/537.36 WebAppManager":                                                   "Chrome 79 Linux 0 other",
		"Mozilla/5.0": " 0  0 other", "[S3Console/0.4]": "S3Console 0  0 other", "Boto3/1.26 md/Botocore#1.29": "Boto3 1  0 other",
		"curl/8.5.0": "curl 8  0 other", "python-requests/2.32.3": "python-requests 2  0 other", "okhttp/4.12.0": "okhttp 4  0 other",
		"Go-http-client/2.0": "Go-http-client 2  0 other", "PostmanRuntime/7.43.0": "PostmanRuntime 7  0 other",
	} {
		a := ParseAgent(ua)
		if got := fmt.Sprintf("%s %d %s %d %s", a.Browser, a.BrowserMajor, a.Os, a.OsMajor, a.DeviceClass); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", ua, got, want)
		}
	}
}

func TestAnEmptyUserAgentIsUnknown(t *testing.T) {
	if got := newAgents(4).parse("", new(stats)); got != nil {
		t.Errorf("got %v, want nil", got)
	}
}

func FuzzParseAgent(f *testing.F) {
	f.Add("Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15")
	f.Add("curl/8.5.0")
	f.Add("(((;;;///)))[[[:::http://")
	f.Fuzz(func(t *testing.T, ua string) {
		if !utf8.ValidString(ua) || len(ua) > 512 {
			return // package wire lets nothing else through
		}
		a := ParseAgent(ua)
		for _, s := range []string{a.Browser, a.Os} {
			if len(s) > maxAgentName || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Errorf("%q: got name %q", ua, s)
			}
		}
		switch a.DeviceClass {
		case "desktop", "phone", "tablet", "bot", "other":
		default:
			t.Errorf("%q: got class %q", ua, a.DeviceClass)
		}
	})
}
