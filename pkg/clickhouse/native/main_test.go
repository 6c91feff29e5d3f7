package native

import (
	"os"
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
