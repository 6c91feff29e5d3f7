package engine

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/bridge"
)

// order is what a parent tells its child, in one line on its standard input. It holds the
// passwords, which must be neither in the arguments nor in the environment. The input stays open as long as
// the parent lives.
type order struct {
	Path        string  `json:"path"`
	Library     string  `json:"library"`
	Password    string  `json:"password"`
	Analyst     string  `json:"analyst"` // password of the user who may only read
	Database    string  `json:"database"`
	MemoryRatio float64 `json:"memory_ratio"`
	Memory      uint64  `json:"memory"`
	MaxQueries  int     `json:"max_queries"`
}

// maxLine bounds the lines that parent and child exchange.
const maxLine = 64 << 10

func readOrder(input *bufio.Reader) (order, error) {
	var o order
	line, err := input.ReadSlice('\n')
	if err != nil {
		return o, fmt.Errorf("reading the order on standard input: %w", err)
	}
	if err := json.Unmarshal(line, &o); err != nil {
		return o, fmt.Errorf("reading the order on standard input: %w", err)
	}
	return o, nil
}

// report is what a child tells its parent, a line each, on an inherited pipe.
type report struct {
	// Ready is said once, when the child answers requests.
	Ready bool `json:"ready,omitempty"`
	// Version of the engine, with Ready.
	Version string `json:"version,omitempty"`
	// Stats are said every statsInterval, as a sign of life.
	Stats *bridge.Stats `json:"stats,omitempty"`
	// Failure is why the child ends, PathHolder who has its path if that is why.
	Failure    string `json:"failure,omitempty"`
	PathHolder int    `json:"path_holder,omitempty"`
}

const (
	// statsInterval is how often a child gives a sign of life.
	statsInterval = time.Second
	// lifeTimeout is after how long without one it does not count as ready.
	lifeTimeout = 30 * time.Second
)

func (r report) write(to io.Writer) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing to the parent: %w", err)
	}
	if _, err := to.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing to the parent: %w", err)
	}
	return nil
}

// Inherited files of the child.
const (
	listenerFile = 3
	reportFile   = 4
)

// newServer has the limits that a server on loopback needs: slow queries are fine, slow
// headers are not.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
