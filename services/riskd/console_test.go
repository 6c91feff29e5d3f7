//go:build integration

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
	"github.com/riskd-io/riskd/services/console/web/webtest"
)

// The console in a browser on a running riskd: the demo's people, live; a session that is revoked from the page is shut
// for apps; a dead letter that is put right is scored; and all of it is in the audit.
func TestTheConsoleInABrowserOnARunningRiskd(t *testing.T) {
	setup := filepath.Dir(filepath.Dir(library(t)))
	city, asn := filepath.Join(setup, "geo", "GeoLite2-City.mmdb"), filepath.Join(setup, "geo", "asn.mmdb")
	if !exists(city) {
		t.Skipf("%s is missing: run `make setup`", city)
	}
	data := t.TempDir()
	h := start(t, data, "-geo-city", city, "-geo-asn", asn, "-partitions", "4")
	sent := h.people(t, city, asn)

	h.post(login("near", "ann", "s-near", "d1", 51.5, -0.1, "GB"))
	h.post(login("far", "ann", "s-far", "d2", 35.7, 139.7, "JP"))
	h.until(10*time.Second, "the flag of the far session", func() string { return h.state("s-far") }, "required")
	for _, user := range []string{"bea", "cleo"} {
		h.post(login("near-"+user, user, "s-near-"+user, "d-"+user, 51.5, -0.1, "GB"))
		h.post(login("far-"+user, user, "s-far-"+user, "d2-"+user, 35.7, 139.7, "JP"))
		h.until(10*time.Second, "the flag of the far session of "+user, func() string { return h.state("s-far-" + user) }, "required")
	}
	h.until(30*time.Second, "all decisions in ClickHouse", func() string {
		return h.ask("SELECT count() >= " + sent + " FROM risk.features FINAL FORMAT TSV")
	}, "1")

	password, err := os.ReadFile(filepath.Join(data, "console.password"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := signin.Key(signin.FilesIn(data).Key)
	if err != nil {
		t.Fatal(err)
	}
	code, err := signin.Link(key, signin.FirstUser, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	webtest.Run(t, map[string]any{
		"real": h.at["console"], "link": "/signin/link?code=" + code, "gateway": h.at["gateway"], "key": h.key(),
		"names": map[string]string{"admin": signin.FirstUser}, "passwords": map[string]string{"admin": strings.TrimSpace(string(password))},
	}, "real")

	for session, want := range map[string]string{"s-far": "denied", "s-far-bea": "clear", "s-far-cleo": "clear"} {
		if got := h.state(session); got != want {
			t.Errorf("%s is %q for apps; want %s", session, got, want)
		}
	}
	h.until(15*time.Second, "feedback with author and reason, and the letter that was put right", func() string {
		return h.ask("SELECT arrayStringConcat(arraySort(groupArray(concat(verdict, ' ', author, ' ', reason, ' ', label))), '; ') FROM risk.feedback FINAL FORMAT TSV") + "; " +
			h.ask("SELECT user_id, action FROM risk.features WHERE event_id = 'put-right' FORMAT TSV")
	}, "attack admin not from here attack; end_challenge admin called her end_challenge; legitimate admin she flew me; revoke_session admin nobody flies that fast revoke_session; ann\tallow")
	if strings.Contains(h.said(), strings.TrimSpace(string(password))) {
		t.Error("the console's password was logged")
	}
	if code := h.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM; want 0", code)
	}
}

// people lets the demo's people live through a day, and puts a message on the road that cannot be read. It returns how many
// decisions that makes, as text.
func (h *house) people(t *testing.T, city, asn string) string {
	t.Helper()
	atlas, err := simulate.OpenAtlas(city, asn)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().UTC().Truncate(time.Second)
	cfg := simulate.DefaultConfig(end)
	cfg.Users, cfg.Start, cfg.OwnFactor = 120, end.AddDate(0, 0, -2), true
	world, err := simulate.New(cfg, atlas)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := natsjs.Connect(h.at["nats"], "test people")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	pub, err := natsjs.NewPublisher(nc, 4, natsjs.DefaultPublisherConfig())
	if err != nil {
		t.Fatal(err)
	}
	var evs []*riskdv1.Event
	for it := range world.Events() {
		evs = append(evs, it.Event)
	}
	for _, r := range pub.PublishBatch(t.Context(), evs) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if err := nc.Publish(subject.PlainEvent("acme", "ann"), []byte(`{"specversion":"1.0","id":"cut-off","source":"//acme/web","type":"dev.ri`)); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events of %d people", len(evs), cfg.Users)
	return strconv.Itoa(len(evs) * 9 / 10) // some are late or machines' repeats
}
