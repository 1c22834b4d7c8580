package smtpace

import (
	"testing"
	"testing/synctest"
)

// A destination that a message has no delivery for any more lets in who waits for it, though
// the message itself stays.
func TestSettledDestinationsLetInWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(100, 1<<30)
		p := newPass(a, 100<<20, "d", "e")
		if err := a.enter(t.Context(), p, 0); err != nil {
			t.Fatal(err)
		}
		p.attached("d")
		p.attached("e")
		enterAll(a, 0, "d")
		in := make(chan error, 1)
		go func() { in <- a.enter(t.Context(), newPass(a, 0, "d"), 0) }()
		synctest.Wait()
		if len(in) != 0 {
			t.Error("it is let in while there is no room")
		}
		p.detached("d")
		a.settle(p)
		synctest.Wait()
		if len(in) != 1 {
			t.Error("it waits though there is room for its destination")
		}
		a.close()
	})
}
