package browsertest

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/smtpace/smtpace/monitor"
)

// chromium returns the program; without one the test is skipped, or fails when the
// environment variable CI is "true". -short starts none.
func chromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short starts no browser")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	unable := t.Skip
	if os.Getenv("CI") == "true" {
		unable = t.Fatal
	}
	unable("this test needs Chromium, and none is installed: run .ci/servers")
	return ""
}

// browser is a tab of a headless browser.
type browser struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	troubles []string // messages of the console, exceptions and violations of the policy
}

// shared is the browser of all tests, which the first that needs it starts.
var shared struct {
	ctx  context.Context
	ends []context.CancelFunc
}

func TestMain(m *testing.M) {
	status := m.Run()
	for _, end := range slices.Backward(shared.ends) {
		end()
	}
	os.Exit(status)
}

// start starts the browser, unless it runs.
func start(t *testing.T) {
	t.Helper()
	program := chromium(t)
	if shared.ctx != nil {
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox)
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endFirst := chromedp.NewContext(allocated)
	shared.ends = append(shared.ends, end, endFirst)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	shared.ctx = ctx
}

// open opens a page in a tab of its own. At its end the test fails if the console has
// said anything.
func open(t *testing.T, url string, l look) *browser {
	t.Helper()
	start(t)
	b := &browser{T: t}
	var end context.CancelFunc
	b.ctx, end = chromedp.NewContext(shared.ctx, chromedp.WithListener(b.listen))
	t.Cleanup(end)
	b.do(call(log.Enable, cdp.Empty{}), l.action(), chromedp.Navigate(url))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, trouble := range b.troubles {
			t.Errorf("the browser says: %s", trouble)
		}
	})
	return b
}

// listen notes what the browser complains of.
func (b *browser) listen(event any) {
	var text string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		text = string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Text
		if of := e.ExceptionDetails.Exception; of != nil {
			text += " " + of.Description
		}
	case *runtime.EventConsoleAPICalled:
		text = "console." + string(e.Type)
		for _, arg := range e.Args {
			text += " " + string(arg.Value) + arg.Description
		}
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubles = append(b.troubles, text)
}

// expectTrouble takes out the troubles that contain a text, of which there must be
// one.
func (b *browser) expectTrouble(text string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var others []string
	for _, trouble := range b.troubles {
		if !strings.Contains(trouble, text) {
			others = append(others, trouble)
		}
	}
	if len(others) == len(b.troubles) {
		b.Errorf("the browser does not say %q; it says %q", text, b.troubles)
	}
	b.troubles = others
}

// do does some actions.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// call returns a command of the protocol as an action.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, command, params)
		return chromedp.Void{}, err
	}
}

// eval returns the value of a script, which may be a promise.
func eval[V any](b *browser, script string) V {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[V](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", script, err)
	}
	return v
}

// until waits for a script to be true.
func (b *browser) until(script string) {
	b.Helper()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if eval[bool](b, "Boolean("+script+")") {
			return
		}
		if time.Since(start) > 30*time.Second {
			b.Fatalf("not within 30 s: %s\n%s", script, eval[string](b, "document.body.innerText"))
		}
	}
}

// text returns the visible text of the elements of a selector.
func (b *browser) text(selector string) string {
	b.Helper()
	return eval[string](b, "[...document.querySelectorAll("+quote(selector)+")].map((e) => e.innerText).join('\\n')")
}

// quote returns a text as a JavaScript string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "\\'") + "'" }

// shot returns a picture of the page.
func (b *browser) shot() []byte {
	b.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	return png
}

// look is the size and style of a screen.
type look struct {
	width, height int64
	dark, phone   bool
}

// action makes a browser look so.
func (l look) action() chromedp.Action[chromedp.Void] {
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	return chromedp.Steps(
		call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.phone}),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
		call(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Vienna"}),
	)
}

var desktop = look{width: 1280, height: 900}

// serve mounts a page at a path of a server on the loopback and returns its address.
func serve(t *testing.T, source monitor.Source, options monitor.Options) string {
	t.Helper()
	page := monitor.Handler(source, options)
	t.Cleanup(page.Close)
	mux := http.NewServeMux()
	mux.Handle("/mail/", http.StripPrefix("/mail", page))
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html>")) })
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Second}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		wg.Wait()
	})
	return "http://" + listener.Addr().String() + "/mail/"
}

// navigate changes the part of the address behind "#".
func (b *browser) navigate(hash string) {
	b.Helper()
	eval[string](b, "location.hash = "+quote(hash))
}
