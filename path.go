package smtpace

import "github.com/smtpace/smtpace/throttle"

// path is the endpoints that serve a destination, in order of preference.
type path struct {
	endpoints []*endpoint
	of        *throttle.Path
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
