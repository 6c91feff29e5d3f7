package wire_test

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/riskd-io/riskd/schemas"
)

func TestGoldenFilesAndSchemasAgree(t *testing.T) {
	c := compiler(t)
	for _, kind := range []string{"event", "decision", "signal", "notice"} {
		schema, err := c.Compile("https://schemas.riskd.dev/v1/" + kind + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range examples(t, kind) {
			t.Run(kind+"/"+e.Name, func(t *testing.T) {
				doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Bytes()))
				if err != nil {
					if e.Reason != "malformed" {
						t.Errorf("got %v, want JSON", err)
					}
					return
				}
				err = schema.Validate(doc)
				switch {
				case e.Reason == "" && !e.Lenient && err != nil:
					t.Errorf("schema refuses a good example: %v", err)
				case e.Reason == "" && e.Lenient && err == nil:
					t.Error("marked lenient, but the schema describes it")
				case e.Reason != "" && !e.SchemaAccepts && err == nil:
					t.Error("schema accepts a bad example")
				case e.Canonical != nil:
					doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Canonical))
					if err != nil {
						t.Fatal(err)
					}
					if err := schema.Validate(doc); err != nil {
						t.Errorf("schema refuses the canonical form: %v", err)
					}
				}
			})
		}
	}
	for _, name := range []string{"event-data", "problem"} {
		if _, err := c.Compile("https://schemas.riskd.dev/v1/" + name + ".schema.json"); err != nil {
			t.Error(err)
		}
	}
}

func compiler(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := fs.Glob(schemas.JSON, "json/*.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := schemas.JSON.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(doc.(map[string]any)["$id"].(string), doc); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
