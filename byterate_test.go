package smtpace

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// TestByteRate: no more bytes than are set go in any minute: of messages given as
// bytes, also where they grow because their lines end in a bare LF, and of Msgs, whose
// size is known only when they are rendered.
func TestByteRate(t *testing.T) {
	const perMinute, size, messages = 60_000, 5_000, 40
	inBytes := func(line string) func(int) Message {
		return func(i int) Message {
			m := rendered(fmt.Sprint(i), fmt.Sprintf("r%d@x.example", i))
			m.Data = append(m.Data, strings.Repeat(line, size/len(line))...)
			return m
		}
	}
	asMsg := func(i int) Message {
		m := newMsg(t, fmt.Sprintf("r%d@x.example", i))
		m.SetBodyString(mail.TypeTextPlain, strings.Repeat(strings.Repeat("x", 48)+"\r\n", size/50))
		return Message{Msg: m, ID: i}
	}
	for name, message := range map[string]func(int) Message{
		"bytes": inBytes(strings.Repeat("x", 48) + "\r\n"), "bare line feeds": inBytes("x\n"), "Msgs": asMsg,
	} {
		for _, burst := range []int{0, 4 * size} {
			t.Run(fmt.Sprintf("%s, burst %d", name, burst), func(t *testing.T) {
				inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
					limits := throttle.Limits{ByteRate: throttle.Rate{Count: perMinute, Per: time.Minute, Burst: burst}}
					s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Destination: limits})
					start := time.Now()
					sendEach(t, s, messages, message)
					all, sent := srv.Transactions(), 0
					for i := range all {
						sent += len(all[i].Data)
						sum, largest := 0, 0
						for _, tx := range all[i:] {
							if tx.Start.Sub(all[i].Start) < time.Minute {
								sum, largest = sum+len(tx.Data), max(largest, len(tx.Data))
							}
						}
						if most := perMinute + max(burst-1, largest); sum > most {
							t.Fatalf("%d bytes in a minute, want %d at most", sum, most)
						}
					}
					if took, want := time.Since(start), time.Duration(sent)*time.Minute/perMinute; took > want {
						t.Errorf("%d bytes took %v, want %v", sent, took, want)
					}
				})
			})
		}
	}
}

// sendEach sends messages and wants all delivered.
func sendEach(t *testing.T, s *Sender, n int, message func(int) Message) {
	t.Helper()
	err := s.SendAll(context.Background(), func(yield func(Message) bool) {
		for i := range n {
			if !yield(message(i)) {
				return
			}
		}
	}, func(r *Result) {
		if r.Err() != nil {
			t.Error(r.Err())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBytesOfRefusedMessagesAreGivenBack: what is refused before DATA takes nothing of
// a rate of bytes.
func TestBytesOfRefusedMessagesAreGivenBack(t *testing.T) {
	receiver := smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}})}
	inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
		limits := throttle.Limits{ByteRate: throttle.Rate{Count: 100, Per: time.Minute, Burst: 5000}}
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Destination: limits})
		start := time.Now()
		for i := range 20 {
			m := rendered(fmt.Sprint(i), "r@x.example")
			m.Data = append(m.Data, strings.Repeat("x\r\n", 1000)...)
			if r, err := s.Send(context.Background(), m); err == nil || r.Recipients[0].Status != Refused {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		within(t, start, time.Minute)
	})
}
