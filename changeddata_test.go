package smtpace

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// TestDataThatIsChangedBetweenTries is not sent, wherever it has changed, however soon the
// next try comes, and to how many recipients it goes.
func TestDataThatIsChangedBetweenTries(t *testing.T) {
	for _, reply := range []string{"451 4.7.1 try again in 2 seconds", "451 4.7.1 try again in 600 seconds"} {
		for _, to := range [][]string{{"a@x.example"}, {"a@x.example", "b@x.example"}} {
			for _, where := range []string{"begins", "middle", "ends", "nowhere"} {
				fault := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageDot, Times: 1, Fault: smtptest.Fault{Reply: reply}})
				inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
					s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
					m := rendered("m", to...)
					m.Data = []byte(string(m.Data) + "begins\r\n" + strings.Repeat("filling\r\n", edge) + "middle\r\n" + strings.Repeat("filling\r\n", edge) + "ends\r\n")
					sub, err := s.Submit(t.Context(), m, nil)
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
					_ = sub.Result() // its lock orders the change behind what was read, and before what will be
					if at := strings.Index(string(m.Data), where); at >= 0 {
						m.Data[at] ^= 0x20
					}
					_ = sub.Result()
					<-sub.Done()
					r := sub.Result().Recipients[0]
					if want := where == "nowhere"; (r.Status == Delivered) != want || errors.Is(r.Err, ErrChanged) == want || (srv.Stats().Messages == 1) != want {
						t.Errorf("%s, to %d, changed at %q: %v, %v", reply, len(to), where, r.Status, r.Err)
					}
				})
			}
		}
	}
}
