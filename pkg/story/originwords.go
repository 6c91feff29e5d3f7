package story

import (
	"math"
)

func travelWords(in inputs) string {
	if held := in.text("held"); held != "" {
		return "impossible travel, " + held
	}
	lowerKM, okLower := in.number("km_lower")
	km, okKM := in.number("km")
	if !okLower && !okKM {
		return ""
	}
	w := in.or("from", "the last place") + " to " + in.or("to", "here") + ": "
	if okLower && lowerKM > 0 {
		w += number(lowerKM) + " km at least"
	} else {
		w += "about " + number(km) + " km"
	}
	hours, ok := in.number("hours")
	if !ok {
		return w
	}
	if hours*3600 < 1 {
		w += " at the same moment"
	} else {
		w += " in " + span(hours)
	}
	if kmh, ok := in.number("kmh"); ok && kmh > 0 {
		if kmh > 100_000 {
			w += ", more than 100,000 km/h needed"
		} else {
			w += ", " + number(kmh) + " km/h needed"
		}
	}
	if in.text("verdict") == "possible" {
		w += ": possible"
	}
	if f, ok := in.number("discount"); ok && f < 0.995 {
		w += "; counted at " + number(math.Round(f*100)) + " %"
	}
	return w
}

func newNetworkWords(in inputs) string {
	org := bracket(in.text("as_org"))
	country := in.text("country")
	switch in.text("new") {
	case "country":
		return join("first time from", in.or("country", "this country"), org)
	case "asn":
		return join("first time from this provider", org, prefix("in ", country))
	case "prefix":
		return join("first time from this part of the provider's network", org)
	case "address":
		return join("first time from this address", org)
	}
	return join("network is not usual for the user", org)
}

func newAgentWords(in inputs) string {
	agent := browserOn(in)
	switch in.text("new") {
	case "class":
		return join("first time on a", in.or("class", "device of this kind")+":", agent)
	case "os":
		return join("first time on", in.or("os", "this system")+":", agent)
	case "browser":
		return join("first time with", in.or("browser", "this browser"), prefix("on ", in.text("os")))
	case "major":
		return join("another version of", agent)
	}
	return join("not the user's usual browser:", agent)
}

func knownAgentWords(in inputs) string {
	if in.text("upgrade") == "yes" {
		return "the user's browser after an upgrade"
	}
	return "the user's usual browser"
}

func unknownDeviceWords(in inputs) string {
	known, ok := in.number("known_devices")
	tail := ""
	if ok && known >= 1 {
		tail = ", though " + count(known, "device") + " of the user " + are(known) + " known"
	}
	switch in.text("token") {
	case "missing":
		return "no device token came" + tail
	case "new":
		return "a device the user was never seen with" + tail
	}
	return "not one of the user's devices" + tail
}

func switchWords(in inputs) string {
	var changed []string
	for _, c := range []struct{ key, words string }{
		{"agent_changed", "browser"}, {"token_changed", "device token"}, {"network_changed", "network"}, {"country_changed", "country"},
	} {
		if in.text(c.key) == "yes" {
			changed = append(changed, c.words)
		}
	}
	if len(changed) == 0 {
		return "the session goes on from elsewhere than it began"
	}
	return "one session, but another " + and(changed) + " than it began with"
}

func browserOn(in inputs) string {
	return join(in.or("browser", "a browser"), prefix("on ", in.text("os")))
}

// Where is an origin's place in words, "" when unknown.
func Where(o Origin) string {
	switch {
	case o.City != "" && o.Country != "":
		return o.City + ", " + o.Country
	case o.Country != "":
		return o.Country
	case o.City != "":
		return o.City
	}
	return ""
}

// With is an origin's browser and system in words, "" when unknown.
func With(o Origin) string {
	switch {
	case o.Browser != "" && o.OS != "":
		return o.Browser + " on " + o.OS
	case o.Browser != "":
		return o.Browser
	}
	return o.OS
}
