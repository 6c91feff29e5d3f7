package natsjs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/wire"
	"github.com/riskd-io/riskd/schemas/subject"
)

// read is what a reader sees of a message.
type read struct {
	Seq      uint64
	StoredNS int64
	Pending  uint64
	Subject  string
	Data     string
	Header   nats.Header
	Envelope wire.Envelope
}

func readAll(t *testing.T, js jetstream.JetStream, stream string, n int) []read {
	t.Helper()
	tail := openTail(t, js, stream, 1, natsjs.TailConfig{Messages: 7})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out []read
	for len(out) < n {
		msgs, err := tail.Take(ctx, nil, 100, 1<<20)
		if err != nil {
			t.Fatalf("after %d messages: %v", len(out), err)
		}
		for i := range msgs {
			m := &msgs[i]
			out = append(out, read{m.Seq, m.StoredNS, m.Pending, m.Subject(), string(m.Data), m.Header(), m.Envelope()})
		}
	}
	return out
}

func TestMessagesAreTheSameWithAndWithoutATap(t *testing.T) {
	b := natstest.Start(t, 1)
	plain, err := b.Connect(t.Name(), nats.SetCustomDialer(&net.Dialer{Timeout: time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	plainJS, _ := jetstream.New(plain)
	headers := []nats.Header{
		nil,
		{natsjs.HeaderContentType: {natsjs.ContentTypeEvent}, "Nats-Msg-Id": {"a"}},
		{natsjs.HeaderContentType: {natsjs.ContentTypeEvent}},
		{"Content-Type": {"application/json"}, "Nats-Msg-Id": {"b"}},
		{natsjs.HeaderContentType: {""}, "ce-datacontenttype": {"application/json"}, "ce-id": {"1"}, "ce-source": {"//s"}, "ce-type": {"t"}, "ce-time": {"now"}},
		{"x": {"1", "2"}, "Nats-Msg-Id": {"c"}, natsjs.HeaderContentType: {natsjs.ContentTypeEvent}},
	}
	n := 0
	for _, h := range headers {
		for _, size := range []int{0, 1, 3000, 600 << 10} {
			n++
			msg := &nats.Msg{Subject: subject.Event(0, "acme", "u"+strings.Repeat("x", n)), Header: h, Data: []byte(strings.Repeat("d", size))}
			if h["Nats-Msg-Id"] != nil {
				msg.Header = nats.Header{}
				for k, v := range h {
					msg.Header[k] = v
				}
				msg.Header["Nats-Msg-Id"] = []string{strings.Repeat("i", n)}
			}
			if _, err := b.JS.PublishMsg(t.Context(), msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, want := readAll(t, b.JS, subject.EventsStream(0), n), readAll(t, plainJS, subject.EventsStream(0), n)
	for i := range want {
		if len(got[i].Header) == 0 && len(want[i].Header) == 0 {
			got[i].Header, want[i].Header = nil, nil
		}
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("message %d:\n%.300v\nwant\n%.300v", i, got[i], want[i])
		}
	}
}

func TestAnEncryptedConnectionIsReadThroughTheLibrary(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	for name, first := range map[string]bool{"after INFO": false, "before INFO": true} {
		t.Run(name, func(t *testing.T) {
			srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true, TLS: true, TLSTimeout: 5,
				TLSHandshakeFirst: first, TLSConfig: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}})
			if err != nil {
				t.Fatal(err)
			}
			srv.Start()
			defer srv.WaitForShutdown()
			defer srv.Shutdown()
			if !srv.ReadyForConnections(10 * time.Second) {
				t.Fatal("server does not start")
			}
			opts := []nats.Option{nats.Secure(&tls.Config{RootCAs: roots})}
			if first {
				opts = append(opts, nats.TLSHandshakeFirst())
			}
			nc, err := natsjs.Connect("tls://"+srv.Addr().String(), t.Name(), opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			js, _ := jetstream.New(nc)
			if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				if _, err := js.Publish(t.Context(), "s", []byte(strings.Repeat("MSG ", 1000))); err != nil {
					t.Fatal(err)
				}
			}
			if got := readAll(t, js, "S", 20); len(got) != 20 || got[19].Seq != 20 {
				t.Fatalf("%d messages", len(got))
			}
		})
	}
}
