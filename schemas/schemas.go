// Package schemas embeds the contracts that are not code: JSON Schemas, golden examples and the
// gateway's OpenAPI description. Core and SDK test against the same examples.
//
// The file systems are read-only and safe for concurrent use.
package schemas

import "embed"

// JSON holds json/*.schema.json (JSON Schema 2020-12) and json/gateway.openapi.json.
//
//go:embed json/*.json
var JSON embed.FS

// Golden holds golden/{event,decision,signal,notice}/*.json; each file is one [Example].
//
//go:embed golden/*/*.json
var Golden embed.FS
