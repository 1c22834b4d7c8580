package monitor

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// mostActionBytes bounds the body of a request for an action.
const mostActionBytes = 4 << 10

// actions returns the names of the actions on the page: none unless Options.Actions is
// set, else those that the source can do.
func (p *Page) actions() (names []string) {
	if !p.options.Actions {
		return nil
	}
	if _, ok := p.source.(pauser); ok {
		names = append(names, "pause", "resume")
	}
	if _, ok := p.source.(retrier); ok {
		names = append(names, "retry")
	}
	if _, ok := p.source.(forgetter); ok {
		names = append(names, "forget")
	}
	return names
}

// serveAction does what a button of the page asks for. Requests from another origin
// were refused before. A body that is not declared as JSON is refused besides: no
// form of another page can send one.
func (p *Page) serveAction(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Action, Name string }
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(p.actions()) == 0:
		http.Error(w, "this page is read-only", http.StatusForbidden)
		return
	case kind != "application/json":
		http.Error(w, "want application/json", http.StatusUnsupportedMediaType)
		return
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostActionBytes)).Decode(&ask)
	if err != nil || strings.TrimSpace(ask.Name) == "" || !slices.Contains(p.actions(), ask.Action) {
		http.Error(w, "want an action of this page and the name of a destination", http.StatusBadRequest)
		return
	}
	p.do(ask.Action, ask.Name)
	p.takeSample(time.Now()) // so that all pages show it at once
	w.WriteHeader(http.StatusNoContent)
}

// do does an action.
func (p *Page) do(action, name string) {
	switch action {
	case "pause":
		p.source.(pauser).Pause(name)
	case "resume":
		p.source.(pauser).Resume(name)
	case "retry":
		p.source.(retrier).RetryNow(name)
	case "forget":
		p.source.(forgetter).Forget(name)
	}
}
