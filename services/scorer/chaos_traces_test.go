//go:build chaos && unix

package scorer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/schemas/subject"
)

// keepTraces leaves a folder behind when the run has failed: what every process said, the stacks of those that still run, and what each
// node says of its streams. A fault that shows once in a thousand is not made again to look at it. CHAOS_KEEP=1 keeps that of a good run too.
func (in *installation) keepTraces() {
	if !in.t.Failed() && os.Getenv("CHAOS_KEEP") == "" {
		return
	}
	dir, err := os.MkdirTemp("", "riskd-chaos-")
	if err != nil {
		in.t.Log(err)
		return
	}
	in.t.Logf("what was found after the run is in %s", dir)
	js := in.js()
	for p := range chaosPartitions {
		for _, stream := range []string{subject.EventsStream(p), subject.JournalStream(p), subject.PagesStream(p)} {
			in.t.Log(streamState(js, stream))
		}
	}
	for i := range in.nodes {
		n := &in.nodes[i]
		for file, page := range map[string]string{"streams.json": "jsz?streams=true&consumers=true&config=true&raft=true", "stacks": "stacksz"} {
			if err := save(filepath.Join(dir, fmt.Sprint("node", i, ".", file)), "http://"+n.monitor+"/"+page); err != nil {
				in.t.Logf("asking %s for %s: %v", n.name, file, err)
			}
		}
	}
	all := []*victim{&in.sink}
	for i := range in.scorers {
		all = append(all, &in.scorers[i])
	}
	for _, v := range all {
		_ = v.cmd.Process.Signal(syscall.SIGQUIT) // it tells its stacks and ends
	}
	time.Sleep(2 * time.Second)
	for _, v := range all {
		if text, err := os.ReadFile(v.said.Name()); err != nil || os.WriteFile(filepath.Join(dir, v.name), text, 0o600) != nil {
			in.t.Logf("what %s said could not be kept: %v", v.name, err)
		}
	}
}

// streamState is a line about a stream as its leader sees it.
func streamState(js jetstream.JetStream, stream string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	last, msgs, err := natsjs.LastSeq(ctx, js, stream)
	return fmt.Sprintf("%s: %d messages up to %d, error: %v", stream, msgs, last, err)
}

func save(path, url string) error {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	return err
}
