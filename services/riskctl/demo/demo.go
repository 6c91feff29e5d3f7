// Package demo runs all of riskd on one machine with a simulated population and shows what happens:
// riskd itself and the demo app as processes, people and thieves as events, and this process as the apps
// in front of them, which learn of flags through the SDK's guard and answer.
//
// At the end it proves that nothing was lost or doubled: what the broker took, what the journal holds and
// what ClickHouse has must be the same number.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/simulate"
)

const (
	startWait = 90 * time.Second // cold start of the engine on a busy machine
	stopWait  = 30 * time.Second
)

// Run runs the demo until its time is over or ctx ends, checks the record and writes the result as the last
// line of out. An error means that the demo could not run, or that its numbers do not add up.
func Run(ctx context.Context, cfg Config, out io.Writer) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := cfg.settleKafka(); err != nil {
		return err
	}
	if err := cfg.preflight(); err != nil {
		return err
	}
	dir, err := runFolder(filepath.Join(cfg.Data, "demo"), out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the record of this run is kept in %s\n", dir)

	atlas := make(chan loaded, 1)
	go func() {
		a, err := simulate.OpenAtlas(cfg.City, cfg.ASN)
		atlas <- loaded{a, err}
	}()

	inside := "with NATS and the ClickHouse engine inside"
	if cfg.ownKafka {
		k, err := cfg.startKafka(ctx, dir, out)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, k.stop(stopWait)) }()
	}
	if cfg.Kafka != "" {
		inside = "with the ClickHouse engine inside, on Kafka"
	}
	fmt.Fprintln(out, "starting riskd: gateway, scorer, signaler, sink, console, "+inside)
	// Processes outlive ctx: after Ctrl-C the record is still completed and checked.
	riskd, err := startProcess(cfg.Riskd, cfg.riskdArgs(dir), filepath.Join(dir, "riskd.log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, riskd.stop(stopWait)) }()
	if err := riskd.waitReady(ctx, "http://"+cfg.Listen["admin-listen"]+"/readyz", startWait); err != nil {
		return err
	}
	if err := cfg.invite(dir, out); err != nil {
		return err
	}
	app, err := cfg.startApp(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.stop(stopWait)) }()

	l := <-atlas // ends by itself, in seconds
	if l.err != nil {
		return l.err
	}
	if err := cfg.attribute(out); err != nil {
		return err
	}
	return cfg.play(ctx, l.atlas, dir, riskd, out)
}

type loaded struct {
	atlas *simulate.Atlas
	err   error
}

// play connects, sends the world, and checks the record.
func (c *Config) play(ctx context.Context, atlas *simulate.Atlas, dir string, riskd *process, out io.Writer) error {
	r, err := c.openRoad(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	changes := make(chan heard, 1<<14)
	var guard atomic.Pointer[sdk.Guard] // it speaks only once there are flags, which is later
	client, err := r.app(sdk.WithLogger(slog.New(slog.DiscardHandler)), sdk.WithGuardEvents(func(e sdk.GuardEvent) {
		if e.Kind != sdk.ProviderConfigurationChanged || guard.Load() == nil {
			return
		}
		select {
		case changes <- heard{e, guard.Load().Check(e.Tenant, e.Session), time.Now()}:
		default: // the session's next event meets the flag anyway
		}
	}))
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = client.Close(ctx)
	}()
	guard.Store(client.Guard())
	if err := client.Guard().WaitReady(ctx); err != nil {
		return err
	}

	d, err := newDriver(c, atlas, r, changes)
	if err != nil {
		return err
	}
	book := newBook(r)
	view := newView(c, out, d, book)
	watchCtx, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		book.follow(watchCtx, d.truth)
	}()
	defer func() { stopWatching(); <-watched }()

	if err := d.run(ctx, book, view, riskd); err != nil {
		return err
	}
	// From here on the context may have ended: the check is done all the same, unless somebody will not wait.
	patient, release := untilSecondSignal(ctx)
	defer release()
	return c.settle(patient, r, dir, d, view, out)
}

// invited is how long the address of invite is good for.
const invited = time.Hour

// invite prints an address that signs the reader in to the console, once.
func (c *Config) invite(dir string, out io.Writer) error {
	key, err := signin.Key(signin.FilesIn(dir).Key)
	if err != nil {
		return err
	}
	code, err := signin.Link(key, signin.FirstUser, time.Now(), invited)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "the console, signed in, once: http://%s/signin/link?code=%s\n", c.Listen["console-listen"], code)
	return err
}

// attribute names the geo data and their age, as their licences ask.
func (c *Config) attribute(out io.Writer) error {
	geo := enrich.DefaultConfig()
	geo.City, geo.ASN = c.City, c.ASN
	e, err := enrich.New(geo)
	if err != nil {
		return fmt.Errorf("reading the geo data: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\nThe geo data are %d days old.\n", e.Attribution(), int(e.Age(time.Now()).Hours()/24))
	return err
}

// riskdArgs are the settings of riskd for this run.
func (c *Config) riskdArgs(dir string) []string {
	args := []string{"-data", dir, "-libchdb", filepath.Join(c.Data, "engine", "libchdb.so"), "-geo-city", c.City, "-geo-asn", c.ASN}
	for _, p := range Ports {
		if p.Flag != "demoapp-listen" && p.Flag != kafkaListen {
			args = append(args, "-"+p.Flag, c.Listen[p.Flag])
		}
	}
	if c.Kafka != "" {
		args = append(args, "-broker", c.Kafka, "-partitions", "8") // a transaction at a time for each: one broker on this machine is busy with that
	}
	return args
}

func (c *Config) startApp(ctx context.Context, dir string) (*process, error) {
	args := []string{"-listen", c.Listen["demoapp-listen"], "-nats-url", "nats://" + c.Listen["nats-listen"]}
	if c.Kafka != "" {
		args = append(args, "-broker", c.Kafka)
	}
	app, err := startProcess(c.DemoApp, args, filepath.Join(dir, "demoapp.log"))
	if err != nil {
		return nil, err
	}
	if err := app.waitReady(ctx, "http://"+c.Listen["demoapp-listen"]+"/login", startWait); err != nil {
		return nil, errors.Join(err, app.stop(stopWait))
	}
	return app, nil
}

// url is how a browser on this machine reaches a listen address. Passkeys work on localhost only.
func url(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if host == "" || host == "0.0.0.0" || host == "::" || host == "127.0.0.1" {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}
