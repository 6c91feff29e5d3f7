package simulate

import "strings"

// opClass says what sort of customers an operator has. The simulator's own view, kept apart
// from the scorer's classification on purpose: the two must be able to disagree, as in life.
type opClass uint8

const (
	household opClass = iota
	mobileCarrier
	host4hire
	tunnel
	relay
	satellite
	skip // neither homes nor anything an attacker rents: universities, governments, backbones
)

// operators are the well-known ones by number.
var operators = map[uint32]opClass{
	// Mobile carriers with address space of their own.
	21928: mobileCarrier, 22394: mobileCarrier, 6167: mobileCarrier, 20057: mobileCarrier, // T-Mobile US, Verizon Wireless, AT&T Mobility
	12576: mobileCarrier, 35228: mobileCarrier, 206067: mobileCarrier, 25135: mobileCarrier, // EE, O2, Three, Vodafone UK
	51207: mobileCarrier, 21502: mobileCarrier, // Free Mobile, SFR mobile
	55836: mobileCarrier, 45609: mobileCarrier, 38266: mobileCarrier, // Jio, Airtel mobile, Vi
	9605: mobileCarrier, 9824: mobileCarrier, 2516: mobileCarrier, // Docomo, J:COM, KDDI
	26599: mobileCarrier, 22085: mobileCarrier, 26615: mobileCarrier, // Vivo, Claro, TIM Brasil
	13036: mobileCarrier, 3243: mobileCarrier, 12430: mobileCarrier, 24608: mobileCarrier, // T-Mobile CZ, MEO, Vodafone ES, WINDTRE
	30722: mobileCarrier, 43447: mobileCarrier, 39603: mobileCarrier, 8374: mobileCarrier, // Vodafone IT, Orange PL, P4, Polkomtel
	4766: household, 4775: mobileCarrier, 24203: mobileCarrier, 23693: mobileCarrier, // Globe, XL, Telkomsel
	29465: mobileCarrier, 36935: mobileCarrier, 37075: mobileCarrier, 16637: mobileCarrier, // MTN NG, Vodafone EG, Airtel UG, MTN ZA
	133612: mobileCarrier, 4804: mobileCarrier, // Vodafone AU, Optus
	// Rented machines.
	16509: host4hire, 14618: host4hire, 396982: host4hire, 8075: host4hire, 31898: host4hire, 14061: host4hire, 16276: host4hire,
	24940: host4hire, 63949: host4hire, 20473: host4hire, 51167: host4hire, 12876: host4hire, 60781: host4hire, 45102: host4hire, 132203: host4hire,
	36352: host4hire, 45090: host4hire, 37963: host4hire, 7224: host4hire, 9312: host4hire, 197540: host4hire, 213230: host4hire, 9370: host4hire, 47583: host4hire,
	// Commercial VPN exits and the networks they rent most.
	9009: tunnel, 212238: tunnel, 60068: tunnel, 39351: tunnel, 136787: tunnel, 147049: tunnel, 62371: tunnel, 209103: tunnel, 62240: tunnel, 11878: tunnel,
	206092: tunnel, 137409: tunnel, 25369: tunnel, 8100: tunnel,
	// Private relay egress.
	36183: relay,
	// Satellite.
	14593: satellite, 22351: satellite, 7155: satellite, 40306: satellite, 6621: satellite,
	// Big, but nobody lives there.
	394089: skip, 3257: skip, 137235: skip, 137182: skip, 18004: skip, 15169: skip, 13335: skip, 20940: skip, 54113: skip, 32934: skip, 714: skip, 174: skip, 3356: skip, 6939: skip, 1299: skip, 721: skip, 2914: skip, 4134: household,
}

var classWords = []struct {
	class opClass
	words []string
}{
	{skip, []string{
		"universit", "college", "school", "academ", "institut", "ministry", "government", "department", "dod ", "bank", "hospital", "research", "army", "navy", "cdn", "exchange",
		"internet exchange", "backbone", "transit", "carrier services",
	}},
	{host4hire, []string{"hosting", "cloud", "server", "datacenter", "data center", "data-center", "vps", "colo", "hostinger", "digitalocean", "leaseweb", "web services", "dedicated"}},
	{tunnel, []string{"vpn", "proxy"}},
	{satellite, []string{"satellit", "starlink", "viasat", "inmarsat"}},
	{mobileCarrier, []string{"mobile", "cellular", "cellco", "mobily", "movil", "gsm"}},
}

func operatorClass(asn uint32, org string) opClass {
	if c, ok := operators[asn]; ok {
		return c
	}
	name := strings.ToLower(org)
	for _, g := range classWords {
		for _, w := range g.words {
			if strings.Contains(name, w) {
				// "X Mobile & Fixed" and the like sell to homes as well; only the pure ones count.
				if g.class == mobileCarrier && strings.Contains(name, "fixed") {
					return household
				}
				return g.class
			}
		}
	}
	return household
}
