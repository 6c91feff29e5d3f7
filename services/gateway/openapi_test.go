package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/riskd-io/riskd/schemas"
)

// conforms holds an answer against what the OpenAPI description says of its path and status.
func (h *house) conforms(method, path string, r reply) {
	h.t.Helper()
	path, _, _ = strings.Cut(path, "?")
	if strings.HasPrefix(path, "/v1/sessions/") {
		path = "/v1/sessions/{tenant}/{session}"
	}
	raw, err := schemas.JSON.ReadFile("json/gateway.openapi.json")
	if err != nil {
		h.t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Ref     string `json:"$ref"`
				Content map[string]any
			}
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		h.t.Fatal(err)
	}
	op, ok := doc.Paths[path][strings.ToLower(method)]
	if !ok {
		return // not in the description: 404 and 405
	}
	media := r.header.Get("Content-Type")
	resp, ok := op.Responses[fmt.Sprint(r.code)]
	if !ok {
		h.t.Errorf("%s %s: status %d is not described", method, path, r.code)
		return
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	at := fmt.Sprintf("#/paths/%s/%s/responses/%d/content/%s/schema", escape(path), strings.ToLower(method), r.code, escape(media))
	if resp.Ref != "" {
		at = resp.Ref + "/content/" + escape(media) + "/schema"
	} else if _, ok := resp.Content[media]; !ok {
		h.t.Errorf("%s %s %d: media type %q is not described", method, path, r.code, media)
		return
	}
	c, err := api()
	if err != nil {
		h.t.Fatal(err)
	}
	schema, err := c.Compile(apiURL + at)
	if err != nil {
		h.t.Fatal(err)
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.body))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := schema.Validate(body); err != nil {
		h.t.Errorf("%s %s %d: answer %s is not as described: %v", method, path, r.code, r.body, err)
	}
}

const apiURL = "https://schemas.riskd.dev/v1/gateway.openapi.json"

var api = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := schemas.JSON.ReadDir("json")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		raw, err := schemas.JSON.ReadFile("json/" + f.Name())
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		if err := c.AddResource("https://schemas.riskd.dev/v1/"+f.Name(), doc); err != nil {
			return nil, err
		}
	}
	return c, nil
})
