package service

import (
	"fmt"
	"log/slog"

	"github.com/grafana/pyroscope-go"
)

// StartProfiling sends CPU and memory profiles to the Pyroscope server at url until stop is
// called. An empty url does nothing and costs nothing. Roles label their stages with
// pprof.Do, so that a profile can be read by stage.
func StartProfiling(url, application string, tags map[string]string, log *slog.Logger) (stop func(), err error) {
	if url == "" {
		return func() {}, nil
	}
	profiler, err := pyroscope.Start(pyroscope.Config{
		ApplicationName: application, ServerAddress: url, Tags: tags,
		Logger: profilerLog{log}, DisableGCRuns: true,
	})
	if err != nil {
		return nil, fmt.Errorf("starting profiles to %s: %w", RedactURL(url), err)
	}
	return func() {
		if err := profiler.Stop(); err != nil {
			log.Warn("last profiles were not sent", "error", err)
		}
	}, nil
}

// profilerLog keeps the profiler's chatter at level debug; its errors are warnings, because the
// process does its work without profiles.
type profilerLog struct{ log *slog.Logger }

func (p profilerLog) Infof(string, ...any)  {}
func (p profilerLog) Debugf(string, ...any) {}
func (p profilerLog) Errorf(format string, a ...any) {
	p.log.Warn("profiler", "error", fmt.Sprintf(format, a...))
}
