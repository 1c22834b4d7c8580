package smtpace

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

func TestStats(t *testing.T) {
	fault := smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "@busy.example", Fault: smtptest.Fault{Reply: "450 4.2.0 Greylisted"}},
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "@gone.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
	)
	inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		for _, to := range []string{"a@good.example", "a@busy.example", "a@gone.example"} {
			if _, err := s.Submit(t.Context(), rendered(to, to), nil); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		st := s.Stats()
		if st.Queued != 1 || st.InFlight != 0 || st.Connections != srv.Stats().Open || st.Held != 0 || st.Total.Waiting != 1 {
			t.Errorf("%+v", st)
		}
		for name, c := range map[string]Counts{"total": st.Total, "relay": st.Relays[0].Counts} {
			if c.Delivered != 1 || c.Refused != 1 || c.Tries != 3 || len(c.Deferred) != 1 {
				t.Errorf("%s: %+v", name, c)
			}
		}
		text, err := json.Marshal(st)
		if err != nil || !strings.Contains(string(text), `"deferred":{"greylisted":1}`) {
			t.Errorf("%s, %v", text, err)
		}
	})
}
