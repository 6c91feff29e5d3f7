package lint

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
	"testing"
)

// layer names the part of the house a package belongs to.
func layer(dir string) string {
	switch {
	case under(dir, "schemas"):
		return "schemas"
	case under(dir, "pkg/sdk"):
		return "sdk"
	case under(dir, "pkg/risk"):
		return "risk"
	case under(dir, "pkg"):
		return "pkg"
	case under(dir, "services/riskd"):
		return "riskd"
	case under(dir, "services"):
		return "service"
	}
	return ""
}

// mayImport says, for each layer, which others it may know:
// pkg/risk <- pkg/* <- services/<role> <- services/riskd, and the SDK apart.
var mayImport = map[string]string{
	"schemas": "schemas",
	"sdk":     "sdk schemas",
	"risk":    "risk schemas",
	"pkg":     "pkg risk schemas",
	"service": "pkg risk schemas sdk",
	"riskd":   "riskd service pkg risk schemas sdk",
}

// sdkImports are the modules of others that the SDK may use: an app takes on each of them.
var sdkImports = []string{
	"github.com/nats-io/nats.go", "google.golang.org/protobuf",
}

// sdkInterceptorImports are those of pkg/sdk/interceptor, which is a module of its own for their sake.
var sdkInterceptorImports = []string{"google.golang.org/grpc", "google.golang.org/genproto/googleapis/rpc", "google.golang.org/protobuf"}

// sdkKafkaImports are those of pkg/sdk/kafka, which is a module of its own for their sake.
var sdkKafkaImports = []string{"github.com/twmb/franz-go", "google.golang.org/protobuf"}

// misdirected lists the imports of a file that point the wrong way.
func misdirected(s *source) []string {
	var faults []string
	from := layer(s.dir)
	s.imports(func(p string, at ast.Node) {
		fault := func(format string, a ...any) {
			faults = append(faults, s.at(at)+": "+fmt.Sprintf(format, a...))
		}
		dir, ours := strings.CutPrefix(p, module)
		if !ours {
			allowed := sdkImports
			if under(s.dir, "pkg/sdk/kafka") {
				allowed = sdkKafkaImports
			}
			if under(s.dir, "pkg/sdk/interceptor") {
				allowed = sdkInterceptorImports
			}
			if first, _, _ := strings.Cut(p, "/"); from == "sdk" && !s.test && strings.Contains(first, ".") && !anyOf(p, allowed) {
				fault("apps would have to take on %s: the SDK imports only schemas and %s", p, strings.Join(allowed, ", "))
			}
			return
		}
		to := layer(dir)
		switch {
		case from == "" || to == "":
			fault("%s is outside the layers: name its layer in this test", p)
		case from == "service" && to == "service" && role(s.dir) != role(dir):
			fault("services/%s imports services/%s: roles meet on the broker, never by import", role(s.dir), role(dir))
		case from == "service" && to == "service":
		case !strings.Contains(" "+mayImport[from]+" ", " "+to+" "):
			fault("%s imports %s: imports point from services/riskd to services/<role> to pkg to pkg/risk", s.dir, dir)
		}
	})
	return faults
}

func anyOf(p string, tops []string) bool {
	for _, top := range tops {
		if under(p, top) {
			return true
		}
	}
	return false
}

func role(dir string) string {
	parts := strings.Split(dir, "/")
	if len(parts) < 2 {
		return path.Base(dir)
	}
	return parts[1]
}

func TestImportsPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		if !under(s.dir, "scripts") {
			report(t, misdirected(s))
		}
	}
}

func TestArrowsFindEachFault(t *testing.T) {
	for _, c := range []struct{ name, file, imports, want string }{
		{"a package knows a service", "pkg/wire/x.go", "services/gateway", "imports point from"},
		{"a role knows another", "services/scorer/x.go", "services/sink", "roles meet on the broker"},
		{"a role knows the wiring", "services/scorer/x.go", "services/riskd", "imports point from"},
		{"the core knows an edge", "pkg/risk/x.go", "pkg/enrich", "imports point from"},
		{"the SDK knows the server", "pkg/sdk/x.go", "pkg/wire", "imports point from"},
		{"a package knows the SDK", "pkg/wire/x.go", "pkg/sdk", "imports point from"},
		{"the contract knows its users", "schemas/x.go", "pkg/risk/event", "imports point from"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := parse(c.file, "package x\nimport _ \""+module+c.imports+"\"\n")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(misdirected(s), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("found %q; want %q", got, c.want)
			}
		})
	}
	for _, c := range []struct {
		file, imports string
		faults        int
	}{
		{"pkg/sdk/x.go", "github.com/ClickHouse/clickhouse-go/v2", 1},
		{"pkg/sdk/x.go", "github.com/twmb/franz-go/pkg/kgo", 1},
		{"pkg/sdk/kafka/x.go", "github.com/twmb/franz-go/pkg/kgo", 0},
		{"pkg/sdk/kafka/x.go", "github.com/nats-io/nats.go", 1},
		{"pkg/sdk/x.go", "google.golang.org/grpc", 1},
		{"pkg/sdk/interceptor/x.go", "google.golang.org/grpc/status", 0},
	} {
		s, err := parse(c.file, "package x\nimport _ \""+c.imports+"\"\n")
		if err != nil {
			t.Fatal(err)
		}
		got := misdirected(s)
		if len(got) != c.faults || c.faults > 0 && !strings.Contains(got[0], "apps would have to take on") {
			t.Errorf("%s in %s: found %q", c.imports, c.file, got)
		}
	}
}
