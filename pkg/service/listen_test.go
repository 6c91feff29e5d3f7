package service_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/service"
)

func TestATakenPortNamesThePortAndTheFlag(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, port, _ := net.SplitHostPort(first.Addr().String())

	_, err = service.Listen(first.Addr().String(), "gateway-listen")
	if !errors.Is(err, service.ErrPortTaken) {
		t.Fatalf("Listen = %v; want ErrPortTaken", err)
	}
	for _, want := range []string{"port " + port + " ", "-gateway-listen", "RISKD_GATEWAY_LISTEN"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %q", err, want)
		}
	}
}

func TestAMalformedAddressNamesTheFlag(t *testing.T) {
	_, err := service.Listen("8480", "gateway-listen")
	if err == nil || !strings.Contains(err.Error(), `address "8480" is not host:port`) || !strings.Contains(err.Error(), "-gateway-listen") {
		t.Fatalf("Listen(8480) = %v", err)
	}
}

func TestAStopLetsRequestsFinishAndTellsStreams(t *testing.T) {
	l, err := service.Listen("127.0.0.1:0", "x")
	if err != nil {
		t.Fatal(err)
	}
	entered, finish := make(chan struct{}, 2), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/short", func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-finish
		if r.Context().Err() != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/stream", func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-service.Stopping(r.Context())
		close(finish)
	})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- service.ServeHTTP(ctx, &http.Server{Handler: mux}, l, 10*time.Second) }()

	status := make(chan int, 2)
	for _, path := range []string{"/short", "/stream"} {
		go func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Get("http://" + l.Addr().String() + path)
			if err != nil {
				status <- 0
				return
			}
			resp.Body.Close()
			status <- resp.StatusCode
		}()
	}
	<-entered
	<-entered
	cancel()
	for range 2 {
		if got := <-status; got != http.StatusOK {
			t.Errorf("a request open at the stop got %d; want 200", got)
		}
	}
	if err := <-served; err != nil {
		t.Errorf("ServeHTTP = %v; want nil", err)
	}
}
