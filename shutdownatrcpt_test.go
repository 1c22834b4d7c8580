package smtpace

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// TestAShutdownAtRCPTIsAJudgement: a server that ends each connection at RCPT of one
// recipient, also one that was in use, has judged that recipient. It is tried again by
// the policy, and not at once.
func TestAShutdownAtRCPTIsAJudgement(t *testing.T) {
	for _, reply := range []string{"421 4.2.0 mailbox busy", "421 try later", "421", "421 4.7.0 greylisted"} {
		bubble(t, func(t *testing.T) {
			var asked atomic.Int64
			srv := smtptest.NewServer(smtptest.Config{InMemory: true, Fault: func(ev smtptest.Event) *smtptest.Fault {
				if ev.Stage != smtptest.StageRcpt || !strings.Contains(ev.Line, "busy@") {
					return nil
				}
				asked.Add(1)
				return &smtptest.Fault{Reply: reply, End: smtptest.Close}
			}})
			defer srv.Close()
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
			got := &results{}
			give := func(i int, to string) {
				if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), to), got.done); err != nil {
					t.Fatal(err)
				}
			}
			give(-1, "first@d.example")
			time.Sleep(time.Second)
			give(-2, "busy@d.example")
			for i := range 600 {
				give(i, "a@d.example")
				time.Sleep(100 * time.Millisecond)
			}
			if n := asked.Load(); n > 1 {
				t.Errorf("%q: RCPT of one recipient %d times in a minute", reply, n)
			}
		})
	}
}
