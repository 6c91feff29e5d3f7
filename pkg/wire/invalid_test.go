package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/wire"
)

func TestWhatIsWrongIsNamedWithAStableReason(t *testing.T) {
	edit := func(from, to string) string {
		s := string(structured(contractData))
		if !strings.Contains(s, from) {
			t.Fatalf("example does not hold %q", from)
		}
		return strings.Replace(s, from, to, 1)
	}
	long := strings.Repeat("x", 300)
	for name, tc := range map[string]struct{ in, reason, detail string }{
		"empty":                        {"", "malformed", ""},
		"no object":                    {`[]`, "malformed", "object"},
		"cut off":                      {string(structured(contractData)[:200]), "malformed", ""},
		"two values":                   {string(structured(contractData)) + "{}", "malformed", "more after"},
		"missing id":                   {edit(`"id":"e1",`, ``), "missing_field", "id"},
		"empty id":                     {edit(`"id":"e1"`, `"id":""`), "missing_field", "id"},
		"null source":                  {edit(`"//acme/apps/web"`, `null`), "missing_field", "source"},
		"missing type":                 {edit(`"type":"dev.riskd.activity.v1",`, ``), "missing_field", "type"},
		"missing time":                 {edit(`,"time":"2026-11-23T12:00:00.123Z"`, ``), "missing_field", "time"},
		"missing tenant":               {edit(`"tenant_id":"acme",`, ``), "missing_field", "tenant_id"},
		"missing user":                 {edit(`"user":{"id":"u1","kind":"person"},`, ``), "missing_field", "user.id"},
		"user without id":              {edit(`"id":"u1",`, ``), "missing_field", "user.id"},
		"missing action":               {edit(`"action":"auth.login",`, ``), "missing_field", "action"},
		"missing outcome":              {edit(`"outcome":"success",`, ``), "missing_field", "outcome"},
		"unknown type":                 {edit(`dev.riskd.activity.v1`, `dev.riskd.activity.v2`), "unknown_type", ""},
		"foreign type":                 {edit(`dev.riskd.activity.v1`, `com.example.thing`), "unknown_type", ""},
		"time without zone":            {edit(`12:00:00.123Z`, `12:00:00.123`), "bad_value", "time"},
		"time in words":                {edit(`2026-11-23T12:00:00.123Z`, `yesterday`), "bad_value", "time"},
		"time as number":               {edit(`"2026-11-23T12:00:00.123Z"`, `1763899200`), "malformed", "time"},
		"time before 1970":             {edit(`2026-11-23T12:00:00.123Z`, `1969-01-01T00:00:00Z`), "bad_value", "time"},
		"other specversion":            {edit(`"1.0"`, `"0.3"`), "bad_value", "specversion"},
		"user as string":               {edit(`{"id":"u1","kind":"person"}`, `"u1"`), "malformed", "user"},
		"user id as number":            {edit(`"u1"`, `17`), "malformed", "user.id"},
		"user id too long":             {edit(`"u1"`, `"`+long+`"`), "too_large", "user.id"},
		"tenant with control":          {edit(`"acme"`, `"ac\u0000me"`), "bad_value", "tenant_id"},
		"unknown user kind":            {edit(`"person"`, `"robot"`), "bad_value", "user.kind"},
		"unknown outcome":              {edit(`"success"`, `"ok"`), "bad_value", "outcome"},
		"unknown network kind":         {edit(`"residential"`, `"datacenter"`), "bad_value", "network.kind"},
		"unknown sensitivity":          {edit(`"internal"`, `"secret"`), "bad_value", "sensitivity"},
		"bad address":                  {edit(`203.0.113.45`, `203.0.113`), "bad_value", "network.ip"},
		"address with zone":            {edit(`203.0.113.45`, `fe80::1%eth0`), "bad_value", "network.ip"},
		"address with port":            {edit(`203.0.113.45`, `203.0.113.45:443`), "bad_value", "network.ip"},
		"address as number":            {edit(`"203.0.113.45"`, `3405803821`), "malformed", "network.ip"},
		"latitude as string":           {edit(`51.5`, `"51.5"`), "malformed", "lat"},
		"negative round trip":          {edit(`31`, `-1`), "bad_value", "rtt_ms"},
		"asn too large":                {edit(`64500`, `4294967296`), "bad_value", "asn"},
		"asn as text":                  {edit(`64500`, `"AS64500"`), "malformed", "asn"},
		"count of a half":              {edit(`"count":1`, `"count":0.5`), "bad_value", "count"},
		"count too large":              {edit(`"count":1`, `"count":1000001`), "bad_value", "count"},
		"negative bytes":               {edit(`"bytes":0`, `"bytes":-1`), "bad_value", "bytes"},
		"amr as string":                {edit(`["pwd"]`, `"pwd"`), "malformed", "amr"},
		"amr of numbers":               {edit(`["pwd"]`, `[1]`), "malformed", "amr"},
		"17 methods":                   {edit(`["pwd"]`, `["pwd"`+strings.Repeat(`,"otp"`, 16)+`]`), "too_large", "amr"},
		"attribute that is no text":    {edit(`"pro"`, `7`), "malformed", "attributes"},
		"17 attributes":                {edit(`"plan":"pro"`, manyAttributes(17)), "too_large", "attributes"},
		"long attribute":               {edit(`"pro"`, `"`+long+`"`), "too_large", "attributes"},
		"duplicate member":             {edit(`"tenant_id":"acme"`, `"tenant_id":"acme","tenant_id":"evil"`), "malformed", "duplicate"},
		"duplicate nested member":      {edit(`"id":"u1"`, `"id":"u1","id":"u2"`), "malformed", "duplicate"},
		"duplicate by escape":          {edit(`"id":"u1"`, `"id":"u1","\u0069d":"u2"`), "malformed", "duplicate"},
		"duplicate attribute":          {edit(`"plan":"pro"`, `"plan":"pro","plan":"free"`), "malformed", "duplicate"},
		"invalid UTF-8":                {edit(`"u1"`, "\"u\xff1\""), "malformed", "UTF-8"},
		"lone surrogate":               {edit(`"u1"`, `"\ud800"`), "malformed", "escape"},
		"comma at the end":             {edit(`"plan":"pro"`, `"plan":"pro",`), "malformed", "comma"},
		"number with a leading zero":   {edit(`51.5`, `051.5`), "malformed", ""},
		"NaN":                          {edit(`51.5`, `NaN`), "malformed", ""},
		"deep nesting in what we skip": {edit(`"bytes":0`, `"x":`+strings.Repeat("[", 100)), "malformed", "deep"},
		"data that is a string":        {`{` + contractHead + `,"data":"x"}`, "malformed", "data"},
		"data_base64 that is none":     {`{` + contractHead + `,"data_base64":"***"}`, "malformed", "base64"},
		"auth time in words":           {edit(`"auth_time":"2026-11-23T12:00:00Z"`, `"auth_time":"noon"`), "bad_value", "auth_time"},
		"huge":                         {edit(`"pro"`, `"`+strings.Repeat("x", wire.MaxEventBytes)+`"`), "too_large", "64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wire.DecodeJSON([]byte(tc.in))
			var inv *wire.Invalid
			if !errors.As(err, &inv) {
				t.Fatalf("got %v, want an Invalid", err)
			}
			if inv.Reason != tc.reason || !strings.Contains(inv.Detail, tc.detail) {
				t.Errorf("got %q %q, want reason %q and a detail with %q", inv.Reason, inv.Detail, tc.reason, tc.detail)
			}
			if strings.Contains(inv.Detail, "203.0.113") || strings.Contains(inv.Detail, "evil") {
				t.Errorf("detail %q repeats a value", inv.Detail)
			}
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k` + string(rune('a'+i)) + `":"v"`)
	}
	return b.String()
}
