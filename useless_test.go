package smtpace

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// TestAServerThatLeavesOnceItIsReady: a server that lets us in and leaves before the first
// MAIL, or says what nobody asked for, is called as rarely as one that lets nobody in. It
// refuses nobody, every end names it, and when it is well the mail goes.
func TestAServerThatLeavesOnceItIsReady(t *testing.T) {
	for _, c := range []struct {
		stage smtptest.Stage
		fault smtptest.Fault
		cause string
	}{
		{smtptest.StageAuth, smtptest.Fault{Raw: "235 ok\r\n554 5.7.1 go away\r\n"}, "554 5.7.1 go away"},
		{smtptest.StageAuth, smtptest.Fault{Raw: "235 ok\r\n421 4.3.2 bye\r\n", End: smtptest.Close}, "421 4.3.2 bye"},
		{smtptest.StageAuth, smtptest.Fault{End: smtptest.Close}, "EOF"},
		{smtptest.StageAuth, smtptest.Fault{End: smtptest.Reset}, ""},
		{smtptest.StageIdle, smtptest.Fault{Raw: "421 4.3.2 bye\r\n", End: smtptest.Close}, ""},
	} {
		for _, connections := range []int{1, 10} {
			t.Run(fmt.Sprintf("%s %.20q %s, %d connections", c.stage, c.fault.Raw, c.fault.End, connections), func(t *testing.T) {
				start, trouble := time.Now(), 2*time.Hour
				config := smtptest.Config{
					Latency: time.Millisecond, Users: map[string]string{"u": "p"}, StatsOnly: true,
					Fault: func(ev smtptest.Event) *smtptest.Fault {
						if ev.Stage != c.stage || ev.Message > 0 || ev.HELO == "" || time.Since(start) > trouble {
							return nil
						}
						f := c.fault
						return &f
					},
				}
				inWorld(t, config, func(t *testing.T, srv *smtptest.Server) {
					start = time.Now()
					relay := relayTo(srv)
					relay.Limits.Connections = connections
					relay.AllowInsecureLogin = true
					relay.Credentials = func(context.Context) (string, string, error) { return "u", "p", nil }
					s := newSender(t, Config{Relays: []Relay{relay}})
					var got results
					for i := range 100 {
						m := rendered(fmt.Sprint(i), fmt.Sprintf("u%d@receiver.test", i))
						m.Expiry = 24 * time.Hour
						if i == 0 {
							m.Expiry = time.Hour
						}
						if _, err := s.Submit(t.Context(), m, got.done); err != nil {
							t.Fatal(err)
						}
					}
					time.Sleep(time.Minute)
					if st := srv.Stats(); st.Connections > 40+connections {
						t.Errorf("%d connections in the first minute", st.Connections)
					}
					time.Sleep(trouble - time.Minute)
					if st := srv.Stats(); st.Connections > 80+connections {
						t.Errorf("%d connections in two hours", st.Connections)
					}
					if r := got.of("0"); r == nil || r.Err() == nil || !strings.Contains(r.Err().Error(), c.cause) {
						t.Errorf("the first message: %+v, want cause %q", r, c.cause)
					}
					time.Sleep(time.Hour)
					if n := got.count(Delivered); n != 99 {
						t.Errorf("%d delivered, %d refused", n, got.count(Refused))
					}
				})
			})
		}
	}
}
