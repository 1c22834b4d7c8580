package smtpace

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// TestEndedDeliveriesKeepNothing: what ends without another try lets go of its path and of its
// room, and is no delivery of its message any more, also while others of the message go on.
func TestEndedDeliveriesKeepNothing(t *testing.T) {
	for name, end := range map[string]func(sub *Submission, d *delivery){
		"ended":   func(sub *Submission, d *delivery) { sub.endAllLocked(d, ErrExpired, false) },
		"refused": func(sub *Submission, d *delivery) { sub.refuseAllLocked(d, ErrInvalid) },
	} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
				relay := relayTo(srv)
				relay.Name = "of " + r.Domain
				return Via(relay), nil
			})})
			s.Pause("a.example")
			s.Pause("b.example")
			sub, err := s.Submit(t.Context(), rendered("m", "u@a.example", "u@b.example"), nil)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			sub.mu.Lock()
			d, other := sub.deliveries[0], sub.deliveries[1]
			if !s.sched.Remove(time.Now(), d.item) {
				t.Fatal("it is not queued")
			}
			end(sub, d)
			if d.state != stateEnded || len(sub.deliveries) != 1 || sub.deliveries[0] != other || other.pos != 0 {
				t.Errorf("%s: its state is %d, %d are left", name, d.state, len(sub.deliveries))
			}
			if n := sub.admitted.of(d.destination).deliveries; n != 0 || sub.admitted.of(other.destination).deliveries != 1 {
				t.Errorf("%s: %d deliveries count at its destination", name, n)
			}
			sub.finish()
			time.Sleep(time.Minute)
			s.mu.Lock()
			if s.endpoints["of a.example"] != nil || s.endpoints["of b.example"] == nil {
				t.Errorf("%s: %d relays are in use, want that of the other alone", name, len(s.endpoints))
			}
			s.mu.Unlock()
			s.Resume("b.example")
			<-sub.Done()
			if of := sub.Result().Recipients; of[0].Status == Delivered || of[1].Status != Delivered {
				t.Errorf("%s: got %+v", name, of)
			}
		})
	}
}
