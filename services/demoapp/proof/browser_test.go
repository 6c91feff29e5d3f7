//go:build integration

package proof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// step bounds each thing a browser is asked to do.
const step = 20 * time.Second

// chromium finds the browser or skips the test.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("RISKD_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	t.Skip("no Chromium on this machine: install it or set RISKD_CHROMIUM")
	return ""
}

// top is the repository.
func top(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
	}
	t.Fatal("go.work not found above the test")
	return ""
}

// browser is one person's browser: its own process, profile, user agent and address.
type browser struct {
	t     *testing.T
	ctx   context.Context
	site  string
	shots string
}

// desktop is the user agent of an ordinary laptop.
const desktop = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

// open starts a browser. ip is what the proxy in front of the app would say.
func open(t *testing.T, site, agent, ip string) *browser {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.WindowSize(1180, 780), chromedp.UserDataDir(t.TempDir()), chromedp.UserAgent(agent))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // Chromium refuses to run as root with it; the pages are ours
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, end := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the process, so that its profile can be removed
		end()
		stop()
	})
	b := &browser{t: t, ctx: ctx, site: site, shots: filepath.Join(top(t), "artifacts")}
	if err := os.MkdirAll(b.shots, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err1 := chromedp.Call(ctx, network.Enable, network.EnableParams{}) // without a deadline: it starts the process
	_, err2 := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"X-Forwarded-For": ip}})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return b
}

// ask runs one action and returns its value, or ends the test with a picture of where it went wrong.
func ask[T any](b *browser, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, step)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.lost("%v", err)
	}
	return v
}

// call sends a command of the DevTools protocol.
func call[P, R any](b *browser, cmd cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, step)
	defer cancel()
	v, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		b.lost("%s: %v", cmd.Method, err)
	}
	return v
}

func (b *browser) lost(format string, args ...any) {
	b.t.Helper()
	b.shot("lost-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
	b.t.Fatalf("at %s: %s", b.path(), fmt.Sprintf(format, args...))
}

// visit goes to a path and returns the status and where that ended.
func (b *browser) visit(path string) (status int, at string) {
	b.t.Helper()
	resp := ask(b, chromedp.NavigateResponse(b.site+path))
	if resp == nil {
		b.lost("no response from %s", path)
	}
	return int(resp.Status), b.path()
}

// path is where the browser is, with the query.
func (b *browser) path() string {
	ctx, cancel := context.WithTimeout(b.ctx, step)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "unknown"
	}
	return strings.TrimPrefix(at, b.site)
}

// text is what can be read on the page.
func (b *browser) text() string {
	b.t.Helper()
	text, err := b.read()
	if err != nil {
		b.lost("%v", err)
	}
	return text
}

// read is text, or an error while another page is taking its place.
func (b *browser) read() (string, error) {
	ctx, cancel := context.WithTimeout(b.ctx, step)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
}

// sees waits until the page says something.
func (b *browser) sees(want string) {
	b.t.Helper()
	for end := time.Now().Add(step); ; time.Sleep(50 * time.Millisecond) {
		got, err := b.read()
		if err == nil && strings.Contains(got, want) {
			return
		}
		if time.Now().After(end) {
			b.lost("want %q, got %.300q, %v", want, got, err)
		}
	}
}

// at waits until the browser is at a path with this beginning.
func (b *browser) at(prefix string) {
	b.t.Helper()
	for end := time.Now().Add(step); !strings.HasPrefix(b.path(), prefix); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.lost("want to be at %s: %.300q", prefix, b.text())
		}
	}
	ask(b, chromedp.WaitReady(chromedp.CSS("body")))
}

// submit fills a form's fields and sends it; it returns the status of the page that follows.
func (b *browser) submit(form string, fields ...string) int {
	b.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		ask(b, chromedp.SetValue(chromedp.CSS(form+` [name="`+fields[i]+`"]`), fields[i+1]))
	}
	ctx, cancel := context.WithTimeout(b.ctx, step)
	defer cancel()
	resp, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(form+" button")))
	if err != nil || resp == nil {
		b.lost("submitting %s: %v", form, err)
	}
	return int(resp.Status)
}

// click presses something.
func (b *browser) click(selector string) {
	b.t.Helper()
	ask(b, chromedp.Click(chromedp.CSS(selector)))
}

// js evaluates an expression and waits for it when it is a promise.
func js[T any](b *browser, expression string) T {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[T](expression, func(p *runtime.EvaluateParams) { yes := true; p.AwaitPromise = &yes }))
}

// shot leaves a picture for people.
func (b *browser) shot(name string) {
	ctx, cancel := context.WithTimeout(b.ctx, step)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.shots, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Logf("no screenshot %s: %v", name, err)
	}
}

// cookie reads a cookie of the site.
func (b *browser) cookie(name string) string {
	b.t.Helper()
	for _, c := range call(b, network.GetCookies, network.GetCookiesParams{URLs: []string{b.site}}).Cookies {
		if c.Name == name {
			return c.Value
		}
	}
	b.lost("no cookie %s", name)
	return ""
}

func (b *browser) setCookie(name, value string) {
	b.t.Helper()
	call(b, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: b.site, Path: "/"})
}
