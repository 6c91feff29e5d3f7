package bench

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"
)

// world says for each number which decision it is.
//
// Its people are skewed (the busiest of 100,000 does 0.3 % of everything) and sleep at night. They work in sessions of
// about 30 decisions, within which nearly all of the evidence stays the same, as it does with the real engine (measured
// on riskd's simulation: 32 decisions a session, 5.2 parts and 186 bytes of inputs a decision). One session in 14 is
// from somewhere new, one in 25 is challenged, one in 1,000 is an attack; one event in 1,000 comes hours late.
// A world is used by one goroutine.
type world struct {
	rows, users uint64
	span        float64 // seconds
	end         int64   // Unix milliseconds
	slots       []visit // people who are there at the same time
	from        int64   // Unix milliseconds of the first event that is made
}

// perSession is about how many decisions a session has, meanSession how long it is.
const (
	perSession  = 32
	meanSession = 90 * time.Minute
)

func newWorld(cfg Config) *world {
	w := &world{rows: cfg.Rows, users: max(1000, cfg.Rows/200), span: float64(cfg.Days) * 86400, end: cfg.End.UnixMilli()}
	w.slots = make([]visit, max(1, int(float64(cfg.Rows)/w.span*meanSession.Seconds()/perSession)))
	for i := range w.slots {
		w.slots[i].epoch = -1
	}
	return w
}

// kind is what a session is.
type kind uint8

const (
	quiet      kind = iota // as always
	elsewhere              // a new network, nothing else
	challenged             // asked, whatever came of it
	attacked               // from far away, denied
)

// how a challenge ended.
const (
	satisfied = iota
	expired
	denied
)

// visit is a session and all that stays the same in it.
type visit struct {
	epoch                                    int64
	tenant, source, user, session, device    string
	country, city, org, network, browser, os string
	class, userAgent, acr, challenge         string
	amr, unknown                             []string
	ip                                       netip.Addr
	asn, rtt                                 uint32
	major                                    uint16
	lat, lon, radius                         float64
	kind                                     kind
	end                                      int
	partition                                uint16
	auth                                     int64
	asked                                    bool // the challenge has been raised
	codes, details                           []string
	nats                                     []float64
	risk, travel, newDevice, deviation       float64
	attributes                               map[string]string
}

// mix is a hash of one number.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit is a hash as a number from 0 to 1.
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// at is when a number's event happens, Unix milliseconds: days have a night.
func (w *world) at(n uint64) int64 {
	flat := float64(n) * w.span / float64(w.rows)
	return w.end - int64(w.span*1000) + int64((flat-9600*math.Sin(2*math.Pi*flat/86400))*1000)
}

// visit is the session that a number's event belongs to.
func (w *world) visit(n uint64, at int64) *visit {
	slot := mix(n^0x5107) % uint64(len(w.slots))
	h := mix(slot + 77)
	length := int64(float64(meanSession.Milliseconds()) * (0.4 + 1.2*unit(h)))
	epoch := (at + int64(h%uint64(length))) / length
	v := &w.slots[slot]
	if v.epoch != epoch {
		w.begin(v, mix(slot<<32^uint64(epoch)), epoch, at)
	}
	return v
}

// places people live at.
var places = []struct {
	country, city, org string
	asn                uint32
	lat, lon           float64
}{
	{"DE", "Berlin", "Deutsche Telekom AG", 3320, 52.5196, 13.4069}, {"DE", "Munich", "Vodafone GmbH", 31334, 48.1351, 11.582},
	{"DE", "Hamburg", "Telefonica Germany", 6805, 53.5511, 9.9937}, {"GB", "London", "British Telecommunications PLC", 2856, 51.5085, -0.1257},
	{"FR", "Paris", "Orange", 3215, 48.8582, 2.3387}, {"US", "New York", "Comcast Cable Communications", 7922, 40.7126, -74.0066},
	{"US", "Chicago", "AT&T Services", 7018, 41.8835, -87.6305}, {"NL", "Amsterdam", "KPN B.V.", 1136, 52.3759, 4.8975},
	{"JP", "Tokyo", "NTT Communications Corporation", 4713, 35.6893, 139.6899}, {"BR", "São Paulo", "Claro S.A.", 28573, -23.5475, -46.6361},
	{"IN", "Mumbai", "Reliance Jio Infocomm Limited", 55836, 19.0748, 72.8856}, {"PL", "Warsaw", "Orange Polska", 5617, 52.2299, 21.0093},
}

var agents = []struct{ browser, os, class, text string }{
	{"Chrome", "Windows", "desktop", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36"},
	{"Firefox", "Linux", "desktop", "Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0"},
	{"Safari", "iOS", "phone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.1 Mobile/15E148 Safari/604.1"},
	{"Edge", "Windows", "desktop", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36 Edg/%[1]d.0.0.0"},
	{"Chrome", "Android", "phone", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Mobile Safari/537.36"},
}

var plans = []map[string]string{{"plan": "free"}, {"plan": "pro"}, {"plan": "team"}}

// begin makes the session of a slot anew.
func (w *world) begin(v *visit, h uint64, epoch, at int64) {
	user := uint64(unit(h) * unit(h) * float64(w.users))
	home, r := mix(user+7), mix(h+1)
	*v = visit{epoch: epoch, auth: at, partition: uint16(home % 32), unknown: v.unknown[:0], codes: nil}
	v.tenant = [...]string{"acme", "acme", "acme", "acme", "acme", "acme", "acme", "globex", "globex", "initech"}[user%10]
	v.source = "//" + v.tenant + "/apps/" + [...]string{"web", "mobile", "admin"}[user%3]
	v.user, v.session = fmt.Sprintf("u%07d", user), fmt.Sprintf("s_%016x", h)
	switch p := unit(r); {
	case p < 0.001:
		v.kind, v.end = attacked, denied
	case p < 0.04:
		v.kind = challenged
		if q := unit(mix(r)); q > 0.9 {
			v.end = denied
		} else if q > 0.8 {
			v.end = expired
		}
	case p < 0.11:
		v.kind = elsewhere
	}
	place := places[home%uint64(len(places))]
	v.network, v.radius = "residential", float64(5+home%45)
	address := uint32(home%(1<<30)) + 1<<30
	if r>>8%20 >= 14 { // on a phone
		v.network, address = "mobile", uint32(2147483648+home%5000)
	}
	if v.kind != quiet {
		address = 2952790016 + uint32(h%(1<<24))
		if h>>16%3 == 0 {
			place = places[h>>20%uint64(len(places))]
		}
	}
	if v.kind == attacked {
		place, v.network = places[8], "hosting"
	}
	v.country, v.city, v.org, v.asn = place.country, place.city, place.org, place.asn
	v.lat, v.lon = round(place.lat+float64(home%60)/100-0.3, 4), round(place.lon+float64(home>>8%60)/100-0.3, 4)
	v.ip = netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)})
	a := (home + h>>58/60) % uint64(len(agents)) // now and then the other one
	v.browser, v.os, v.class, v.major = agents[a].browser, agents[a].os, agents[a].class, uint16(130+home%12)
	v.userAgent = fmt.Sprintf(agents[a].text, v.major)
	if v.kind >= challenged {
		v.unknown = []string{"device"}
	} else {
		v.device = fmt.Sprintf("d_%016x", mix(user<<8|a))
	}
	v.acr, v.amr = "aal1", []string{"pwd"}
	if home%5 == 0 {
		v.acr, v.amr = "aal2", []string{"pwd", "otp"}
	}
	if home%2 == 0 {
		v.attributes = plans[home%3]
	}
	v.rtt = 10 + uint32(r>>20%90)
	if v.kind >= challenged {
		v.challenge = fmt.Sprintf("ch_%016x", mix(h+5))
	}
	v.asked = at < w.from+2*meanSession.Milliseconds() // it may have begun before: its challenge belongs there
	v.argue(r, home)
}

// argue writes down the session's evidence.
func (v *visit) argue(r, home uint64) {
	logins := number(float64(home%4000) / 100)
	hour := strconv.Itoa(int(v.auth / 3_600_000 % 24))
	part := func(code string, nats float64, detail string) {
		v.codes, v.nats, v.details = append(v.codes, code), append(v.nats, round(nats, 3)), append(v.details, detail)
	}
	part("prior", -3, "{}")
	jitter := float64(home%500) / 1000
	if v.kind == quiet {
		part("known_network", -2.8-jitter, `{"address_logins":`+logins+`,"prefix_logins":`+logins+`,"asn_logins":`+number(float64(home%7000)/100)+`}`)
	} else {
		part("new_network", 1.4+jitter, `{"new":"`+[...]string{"country", "asn", "prefix"}[r>>30%3]+`","history_logins":`+logins+`,"country":"`+v.country+`","asn":`+strconv.Itoa(int(v.asn))+`,"as_org":"`+v.org+`"}`)
	}
	if v.kind >= challenged {
		part("unknown_device", 1.9+jitter, `{"token":"none","known_devices":`+logins+`,"history_logins":`+logins+`}`)
		part("new_agent", 1.1, `{"new":"family","class":"`+v.class+`","os":"`+v.os+`","browser":"`+v.browser+`","history_logins":`+logins+`}`)
		part("hosting_network", 0.75, `{"kind":"hosting"}`)
		v.newDevice = round(60+40*unit(r), 2)
	} else {
		part("known_agent", -0.721, "{}")
		part("known_device", -1.9-jitter, `{"token_logins":`+logins+`}`)
	}
	if r>>40%4 == 0 || v.kind == attacked {
		km := float64(r >> 32 % 4000)
		nats, verdict := -0.2, "possible"
		if v.kind == attacked {
			km, nats, verdict = 9480, 3.7, "impossible"
			v.travel = round(80+20*unit(r), 2)
		}
		part("impossible_travel", nats, `{"verdict":"`+verdict+`","km":`+number(km)+`,"km_lower":`+number(km*0.98)+`,"hours":`+number(float64(r>>20%900)/10)+`,"from":"`+v.city+`, `+v.country+`","to":"Tokyo, JP","places_compared":3}`)
	}
	if r>>44%7 < 5 {
		part("usual_hour", -0.18-jitter/10, `{"hour_utc":`+hour+`,"history_logins":`+logins+`}`)
	} else {
		part("unusual_hour", 0.31+jitter/10, `{"hour_utc":`+hour+`,"history_logins":`+logins+`}`)
		v.deviation = round(30*unit(home), 2)
	}
	sum := 0.0
	for _, n := range v.nats {
		sum += n
	}
	v.risk = round(100/(1+math.Exp(-sum)), 2)
}

func number(x float64) string { return strconv.FormatFloat(round(x, 3), 'g', -1, 64) }

func round(x float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(x*p) / p
}
