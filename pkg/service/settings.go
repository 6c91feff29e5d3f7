package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/peterbourgon/ff/v4"
	"github.com/peterbourgon/ff/v4/ffyaml"
	"go.yaml.in/yaml/v3"
)

// ConfigFlag is the flag that names the configuration file.
const ConfigFlag = "config"

// ParseSettings fills the variables bound to fs: what a flag does not say comes from the
// environment (RISKD_ and the flag's name in capitals), then from the YAML file that -config or
// RISKD_CONFIG names, then stays at its default. In the file, nested keys join with a dash, so
// that
//
//	gateway:
//	  listen: 127.0.0.1:8480
//
// is the flag gateway-listen. Unknown flags and unknown keys of the file are errors;
// flag.ErrHelp comes back as it is.
func ParseSettings(fs *flag.FlagSet, args []string) error {
	if fs.Lookup(ConfigFlag) == nil {
		fs.String(ConfigFlag, "", "`file` with settings, YAML; keys are the names of these flags")
	}
	set := ff.NewFlagSetFrom(fs.Name(), fs)
	err := ff.Parse(set, args,
		ff.WithEnvVarPrefix(EnvPrefix),
		ff.WithConfigFileFlag(ConfigFlag),
		ff.WithConfigFileParser(ffyaml.Parser{Delimiter: "-"}.Parse),
	)
	switch {
	case errors.Is(err, ff.ErrHelp), errors.Is(err, flag.ErrHelp):
		return flag.ErrHelp
	case err != nil:
		return err
	case len(set.GetArgs()) > 0:
		return fmt.Errorf("unexpected argument %q", set.GetArgs()[0])
	}
	return nil
}

// UnknownEnv lists the RISKD_ variables of environ that are neither a flag of fs nor in also.
// They are worth a warning: a misspelt variable changes nothing, silently.
func UnknownEnv(fs *flag.FlagSet, environ []string, also ...string) []string {
	known := also
	fs.VisitAll(func(f *flag.Flag) { known = append(known, EnvName(f.Name)) })
	var unknown []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, EnvPrefix+"_") && !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// PrintSettings writes every flag of fs with the value in force as a YAML file that
// [ParseSettings] reads back. Values of type [Secret] stay hidden. Flags in leaveOut are not
// settings (-version, say) and are left out.
func PrintSettings(w io.Writer, fs *flag.FlagSet, leaveOut ...string) error {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	fs.VisitAll(func(f *flag.Flag) {
		if f.Name == ConfigFlag || slices.Contains(leaveOut, f.Name) {
			return
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: f.Name}
		value := &yaml.Node{Kind: yaml.ScalarNode, Value: f.Value.String()}
		if value.Value == "" || value.Value == hidden {
			value.Style = yaml.DoubleQuotedStyle
		}
		_, usage := flag.UnquoteUsage(f)
		key.HeadComment = usage
		doc.Content = append(doc.Content, key, value)
	})
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("writing settings: %w", err)
	}
	return enc.Close()
}
