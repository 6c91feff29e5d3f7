package api

import (
	"fmt"
	"reflect"
	"strings"
)

// shapes are what goes over the wire, in the order in which the pages read it.
var shapes = []any{
	Problem{}, Me{}, SignIn{}, Credentials{},
	Origin{}, Input{}, Step{}, Decision{}, Row{},
	Sentence{}, Signal{}, Entry{}, Challenge{}, Summary{}, Place{}, Arc{}, SessionStory{}, Device{}, UserStory{},
	Bucket{}, Funnel{}, Overview{}, TopUser{}, Home{}, Live{}, Tick{},
	Seen{}, Investigation{}, Found{}, Rule{}, Evidence{}, Rules{},
	StepUps{}, CauseFunnel{}, Week{}, Asked{}, Gap{}, Fatigue{},
	Lag{}, DeadReason{}, DeadLetter{}, Health{},
	Feedback{}, Published{}, Redrive{}, RedriveResult{}, Redriven{}, AuditEntry{}, Audit{},
	Notices{}, Notice{}, NoticesOfRule{},
	Policies{}, PolicyVersion{}, PolicyChange{}, PolicyText{}, DiffLine{}, PolicyDeed{},
	Trial{}, Trying{}, Report{}, Side{}, TrialRule{}, Turned{}, Differs{}, Calibration{}, CalibrationStep{},
}

// TypeScript is the shapes of this package as TypeScript interfaces: the file web/app/api.gen.ts.
func TypeScript() string {
	var b strings.Builder
	b.WriteString("// Code generated from package api by `go test ./services/console/api -update`. DO NOT EDIT.\n\n")
	b.WriteString("/** A moment in UTC, RFC 3339; null is unknown. */\nexport type Moment = string | null;\n")
	for _, s := range shapes {
		t := reflect.TypeOf(s)
		fmt.Fprintf(&b, "\nexport interface %s {\n", t.Name())
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			optional := ""
			if options == "omitempty" {
				optional = "?"
			}
			fmt.Fprintf(&b, "  %s%s: %s;\n", name, optional, typescript(f.Type))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func typescript(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Moment]():
		return "Moment"
	case t.Kind() == reflect.Pointer:
		return typescript(t.Elem()) + " | null"
	case t.Kind() == reflect.Slice:
		return typescript(t.Elem()) + "[]"
	case t.Kind() == reflect.Map:
		return "Record<string, " + typescript(t.Elem()) + ">"
	case t.Kind() == reflect.Struct:
		return t.Name()
	case t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Bool:
		return "boolean"
	}
	return "number"
}
