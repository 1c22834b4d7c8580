package smtptest

import "errors"

// SetLimits puts l in the place of Config.Limits from now on. What was counted
// before counts for l as well, and no connection is ended. It panics if l is
// contradictory.
func (s *Server) SetLimits(l Limits) {
	if err := errors.Join(l.validate("SetLimits")...); err != nil {
		panic(err)
	}
	s.gate.setLimits(l)
}

// SetDown begins an outage, or ends it. While the server is down every
// connection is reset, those that are open as well as new ones; DialContext
// fails with ECONNREFUSED.
func (s *Server) SetDown(down bool) {
	s.gate.setDown(down)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !down {
		return
	}
	for sess := range s.sessions {
		resetConn(sess.raw)
	}
}
