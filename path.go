package smtpace

import "slices"

// path is the endpoints that serve a destination, in order of preference.
type path struct {
	endpoints []*endpoint
	names     []string
}

func (p *path) retain() {
	for _, e := range p.endpoints {
		e.mu.Lock()
		e.refs++
		e.mu.Unlock()
	}
}

func (p *path) release() {
	for _, e := range p.endpoints {
		e.release()
	}
}

func (p *path) kick() {
	for _, e := range p.endpoints {
		e.kick()
	}
}

// fault is what keeps the path from serving: the fault of its first endpoint
// that has one.
func (p *path) fault() error {
	for _, e := range p.endpoints {
		e.mu.Lock()
		fault := e.fault
		e.mu.Unlock()
		if fault != nil {
			return fault
		}
	}
	return nil
}

// kickAll kicks the endpoint and those that serve in its place.
func (e *endpoint) kickAll() {
	e.mu.Lock()
	peers := slices.Clone(e.peers)
	e.mu.Unlock()
	e.kick()
	for _, p := range peers {
		p.kick()
	}
}

func (e *endpoint) peer(other *endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e != other && !slices.Contains(e.peers, other) {
		e.peers = append(e.peers, other)
	}
}

func (e *endpoint) unpeer(other *endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.Index(e.peers, other); i >= 0 {
		e.peers = slices.Delete(e.peers, i, i+1)
	}
}
