package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childEnv makes this test binary be riskd: tests that kill the process start it so.
const childEnv = "TEST_AS_RISKD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" || len(os.Args) == 2 && os.Args[1] == "engine" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}
