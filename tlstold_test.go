package smtpace

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// TestTLSThatFailsIsTold: once, where TLS is opportunistic and less is used than before.
func TestTLSThatFailsIsTold(t *testing.T) {
	broken := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: smtptest.Fault{End: smtptest.Close}})
	for name, tt := range map[string]struct {
		fault func(smtptest.Event) *smtptest.Fault
		told  int
	}{"broken": {broken, 1}, "whole": {nil, 0}} {
		inWorld(t, smtptest.Config{StartTLS: true, Fault: tt.fault}, func(t *testing.T, srv *smtptest.Server) {
			var out logged
			relay := relayTo(srv)
			relay.Name, relay.TLS, relay.TLSConfig = "mx", pool.TLSOpportunistic, srv.ClientTLS()
			hop := Hop{Relay: relay, TLSPolicy: TLSPolicy{Need: pool.NeedOpportunistic}}
			s := newSender(t, Config{Logger: out.logger(slog.LevelWarn), Router: PromptRouterFunc(func(RouteRequest) (Route, error) {
				return Route{Levels: [][]Hop{{hop}}}, nil
			})})
			s.Pause("waits.example") // the relay is not forgotten while there is mail for it
			if _, err := s.Submit(t.Context(), rendered("waits", "a@waits.example"), nil); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := s.Send(t.Context(), rendered("m", "a@x.example")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute) // the next has a new connection
			}
			told := out.records(t, "smtpace: TLS failed, a relay with opportunistic TLS gets its mail all the same")
			if len(told) != tt.told || len(told) > 0 && (told[0]["relay"] != hop.name() || !strings.Contains(told[0]["by"].(string), "clear text")) {
				t.Errorf("%s: the log has %v, want %d", name, told, tt.told)
			}
		})
	}
}
