//go:build integration

package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker/brokertest"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// authority signs certificates that live as long as the test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	a.key, a.cert = a.sign(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign makes NAME.pem and NAME.key, and NAME.all.pem with both, which is how Kafka wants them.
func (a *authority) sign(t *testing.T, name string, c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	bits, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	sec := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bits})
	for file, data := range map[string][]byte{name + ".pem": crt, name + ".key": sec, name + ".all.pem": append(sec, crt...)} {
		if err := os.WriteFile(filepath.Join(a.dir, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, parsed
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// secured is a real broker with a listener for each of PLAIN and SCRAM over TLS, and one that asks for a certificate.
type secured struct {
	*authority
	plain, sasl, mutual string
}

func secure(t *testing.T) *secured {
	t.Helper()
	s := &secured{authority: newAuthority(t, t.TempDir())}
	s.sign(t, "broker", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	s.sign(t, "client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	s.sasl, s.mutual = servicetest.FreeAddress(t), servicetest.FreeAddress(t)
	server := kafkatest.NewServer(t, t.TempDir())
	s.plain = server.Addr
	jaas := "org.apache.kafka.common.security."
	server.Set(
		"listeners=PLAINTEXT://"+s.plain+",CONTROLLER://"+server.Controller()+",SASL_SSL://"+s.sasl+",SSL://"+s.mutual,
		"advertised.listeners=PLAINTEXT://"+s.plain+",SASL_SSL://"+s.sasl+",SSL://"+s.mutual,
		"ssl.keystore.type=PEM", "ssl.keystore.location="+s.file("broker.all.pem"), "ssl.truststore.type=PEM", "ssl.truststore.location="+s.file("ca.pem"),
		"listener.name.ssl.ssl.client.auth=required",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS;User:riskd;User:CN=client",
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.sasl_ssl.plain.sasl.jaas.config="+jaas+`plain.PlainLoginModule required user_riskd="open sesame" user_guest="guest";`,
		"listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config="+jaas+"scram.ScramLoginModule required;",
		"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config="+jaas+"scram.ScramLoginModule required;",
	)
	server.Start(t)
	t.Cleanup(server.Kill)
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.plain))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, m := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
		if _, err := kadm.NewClient(cl).AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: "riskd", Mechanism: m, Iterations: 4096, Password: "open sesame"}}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestClustersThatAskWhoWeAreAreJoinedAndWrongSettingsAreNamed(t *testing.T) {
	s := secure(t)
	login := func(mechanism string) kafka.Config {
		c := kafkatest.Config([]string{s.sasl}, 1)
		c.SASL, c.User, c.Password, c.TLS, c.CA = mechanism, "riskd", "open sesame", true, s.file("ca.pem")
		return c
	}
	mutual := kafkatest.Config([]string{s.mutual}, 1)
	mutual.TLS, mutual.CA, mutual.Cert, mutual.Key = true, s.file("ca.pem"), s.file("client.pem"), s.file("client.key")
	for name, cfg := range map[string]kafka.Config{"PLAIN": login("plain"), "SCRAM-SHA-256": login("scram-sha-256"), "SCRAM-SHA-512": login("scram-sha-512"), "a certificate": mutual} {
		t.Run(name, func(t *testing.T) {
			kafkatest.Install(t, cfg)
			brokertest.Smoke(t, func(t testing.TB) brokertest.Broker { return kafkatest.Open(t, cfg) })
		})
	}
	change := func(c kafka.Config, with func(*kafka.Config)) kafka.Config { with(&c); return c }
	for name, c := range map[string]struct {
		cfg  kafka.Config
		want string
	}{
		"a wrong password":            {change(login("scram-sha-512"), func(c *kafka.Config) { c.Password = "wrong" }), "-kafka-password"},
		"a wrong password with PLAIN": {change(login("plain"), func(c *kafka.Config) { c.Password = "wrong" }), "-kafka-password"},
		"plain text against TLS":      {change(login("plain"), func(c *kafka.Config) { c.TLS, c.CA = false, "" }), "-kafka-tls"},
		"TLS against plain text":      {change(login("plain"), func(c *kafka.Config) { c.Brokers = []string{s.plain} }), "-kafka-tls"},
		"an unknown authority":        {change(login("plain"), func(c *kafka.Config) { c.CA = "" }), "-kafka-ca"},
		"no login where one is asked": {change(login("plain"), func(c *kafka.Config) { c.SASL, c.User, c.Password = "", "", "" }), "-kafka-sasl"},
		"a login nobody asks for":     {change(login("plain"), func(c *kafka.Config) { c.Brokers, c.TLS, c.CA = []string{s.plain}, false, "" }), "-kafka-sasl"},
		"a user without permissions":  {change(login("plain"), func(c *kafka.Config) { c.User, c.Password = "guest", "guest" }), "no permission"},
		"no certificate":              {change(mutual, func(c *kafka.Config) { c.Cert, c.Key = "", "" }), "-kafka-cert"},
	} {
		t.Run(name, func(t *testing.T) {
			b := kafkatest.Open(t, c.cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := b.Ensure(ctx)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to name %s", err, c.want)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Error("it took until the time was over")
			}
		})
	}
}
