// Package proof holds no code of its own: its tests, with the tag integration, drive the demo app with
// a real Chromium against a real riskd and look for every step in ClickHouse. They need bin/riskd and
// bin/demoapp (make build), the set-up (make setup), and a Chromium, which RISKD_CHROMIUM may name; without a
// Chromium they are skipped. Screenshots are left in artifacts/ at the top of the repository.
package proof
