package service

import (
	"fmt"
	"io"
	"log/slog"
)

// LogConfig configures the process's logger.
type LogConfig struct {
	// Level is debug, info, warn or error. Default info.
	Level string
	// Format is text (for people) or json (for collectors). Default text.
	Format string
}

// DefaultLogConfig writes text from level info on.
func DefaultLogConfig() LogConfig { return LogConfig{Level: "info", Format: "text"} }

// NewLogger writes to w as cfg says.
func NewLogger(w io.Writer, cfg LogConfig) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", cfg.Level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch cfg.Format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	default:
		return nil, fmt.Errorf("log format %q: want text or json", cfg.Format)
	}
}
