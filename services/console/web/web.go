// Package web is the console's pages: TypeScript in app/, built by Vite into dist/ and embedded from there.
//
// `make build` builds them first. A plain `go build` embeds dist/ as it is: on a clean checkout that is one page which
// says so, and [Built] is false.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed all:dist
var files embed.FS

const (
	start   = "index.html"
	unbuilt = "unbuilt.html"
)

func dist() fs.FS {
	sub, err := fs.Sub(files, "dist")
	if err != nil {
		panic(err) // the folder is in the embedding above
	}
	return sub
}

// Built tells whether the real pages are embedded.
func Built() bool {
	_, err := fs.Stat(dist(), start)
	return err == nil
}

// Pages serves the pages. Every path that is no file is a page of the application, which reads the address itself.
// Files under /assets carry their content's hash in their names and never change.
func Pages() http.Handler {
	at := dist()
	plain := http.FileServerFS(at)
	page := start
	if !Built() {
		page = unbuilt
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "there is nothing to do here", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		switch info, err := fs.Stat(at, name); {
		case name == start || name == unbuilt:
		case err == nil && !info.IsDir():
			if strings.HasPrefix(name, "assets/") {
				w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			}
			plain.ServeHTTP(w, r)
			return
		case strings.HasPrefix(name, "assets/"):
			http.NotFound(w, r) // of another build
			return
		}
		http.ServeFileFS(w, r, at, page)
	})
}
