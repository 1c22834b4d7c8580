package monitor

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/throttle"
)

// Source is the subject of a page: a [*smtpace.Sender] or a [*smtpace.Pacer]. Its methods must not wait
// and must be safe for concurrent use.
type Source interface {
	Stats() smtpace.Stats
	Explain(domain string) throttle.Explanation
}

// What a Source may offer besides, each a button of the page if Options.Actions is
// set. Senders and Pacers offer all of it.
type (
	pauser interface {
		Pause(domain string)
		Resume(domain string)
	}
	forgetter interface{ Forget(domain string) }
	retrier   interface{ RetryNow(domain string) }
)

// Options are the settings of a page. The zero value shows everything and changes
// nothing.
type Options struct {
	// Actions adds buttons for a destination: pause, resume, forget its lessons, and
	// try its waiting mail now. Requests for these are refused when they come from
	// another origin. Only people who may hold up all mail should be able to open such
	// a page.
	Actions bool
}

// Page is an http.Handler that serves the page and what it asks for. It is safe for
// concurrent use.
type Page struct {
	source  Source
	options Options
	mux     *http.ServeMux
	done    chan struct{} // closed by Close

	mu       sync.Mutex // guards what follows; never held over a call of source
	closed   bool
	timer    *time.Timer   // for the next sample
	sampling chan struct{} // closed when the sample that is being taken is there; nil when none is
	newest   *sample       // nil before the first
	history  history
	viewers  map[*viewer]struct{}
}

// Handler returns a page about a source. From then on it keeps a history of the last
// 15 minutes, for which it asks for Stats every 10 s, or every second while somebody
// looks. It asks less often where that would take more than 4 % of a core, or
// 0.4 % while nobody looks. The history takes 4 kB for each destination
// that had mail in that time, for 10,000 of them at most.
//
// A page has no goroutine while nobody looks. Close ends it. A page for as long as the
// process runs need not be closed, but see Close for a server that is shut down in order.
func Handler(source Source, options Options) *Page {
	p := &Page{
		source: source, options: options, mux: http.NewServeMux(), done: make(chan struct{}),
		viewers: map[*viewer]struct{}{},
	}
	p.mux.HandleFunc("GET /{$}", p.serveFile("index.html", "text/html; charset=utf-8"))
	p.mux.HandleFunc("GET /page.js", p.serveFile("page.js", "text/javascript; charset=utf-8"))
	p.mux.HandleFunc("GET /plot.js", p.serveFile("plot.js", "text/javascript; charset=utf-8"))
	p.mux.HandleFunc("GET /page.css", p.serveFile("page.css", "text/css; charset=utf-8"))
	p.mux.HandleFunc("GET /icon.svg", p.serveFile("icon.svg", "image/svg+xml"))
	p.mux.HandleFunc("GET /uplot.js", p.serveFile("uplot.js", "text/javascript; charset=utf-8"))
	p.mux.HandleFunc("GET /uplot.css", p.serveFile("uplot.css", "text/css; charset=utf-8"))
	p.mux.HandleFunc("GET /uplot.LICENSE", p.serveFile("uplot.LICENSE", "text/plain; charset=utf-8"))
	p.mux.HandleFunc("GET /events", p.serveEvents)
	p.mux.Handle("POST /action", http.NewCrossOriginProtection().Handler(http.HandlerFunc(p.serveAction)))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(0, p.tick)
	return p
}

// policy is the Content-Security-Policy of everything that a Page serves.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// ServeHTTP serves the page, its files, its events, and the actions if there are any.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(r.URL.Path, "/") {
		p.mux.ServeHTTP(w, r)
		return
	}
	// http.StripPrefix has taken the slash, too, or there was none.
	asked, _, _ := strings.Cut(r.RequestURI, "?")
	if r.URL.Path == "" && !strings.HasSuffix(asked, "/") { // the page's own links need one
		h.Set("Location", "./"+path.Base(asked)+"/")
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	below := r.Clone(r.Context())
	below.URL.Path, below.URL.RawPath = "/"+r.URL.Path, ""
	p.mux.ServeHTTP(w, below)
}

// Close ends the page: events that are being sent end, and later requests for events
// are refused. It waits for a call of Stats that is under way. Give it to
// [http.Server.RegisterOnShutdown], as Shutdown would wait for open pages otherwise.
// It may be called more than once.
func (p *Page) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.timer.Stop()
		close(p.done)
	}
	running := p.sampling
	p.mu.Unlock()
	if running != nil {
		<-running
	}
}

//go:embed assets
var assets embed.FS

// serveFile returns a handler that serves one file of the page.
func (p *Page) serveFile(name, contentType string) http.HandlerFunc {
	text, err := fs.ReadFile(assets, "assets/"+name)
	if err != nil {
		panic(err) // it is embedded
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(text) // an error is one of the connection, which has ended then
	}
}
